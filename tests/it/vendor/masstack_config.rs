//! Settings of a MasStack connection: what is refused, and by which key.

use idv_gateway::settings::Problems;
use idv_gateway::vendor::account_settings::AccountSettings as _;

use super::masstack_rig::settings;

fn problems(more: &str) -> Vec<(String, String)> {
    let mut problems = Problems::default();
    settings("{ json = { env = \"ACCOUNT\" } }", more).check(&mut problems);
    problems.into_found().into_iter().map(|problem| (problem.path.join("."), problem.message)).collect()
}

#[test]
fn sound_settings_have_no_problems() {
    let bound = "calls.cancel = { method = \"PATCH\", path = \"/x/{identification_id}\", kinds = [\"otp\"] }";
    for more in [
        "",
        bound,
        "scope = \"a b\"",
        "polling.awaiting_user = { shortest_minutes = 1, longest_minutes = 1 }",
    ] {
        assert_eq!(problems(more), [], "{more}");
    }
}

#[test]
fn each_problem_names_its_key() {
    for (more, key) in [
        ("base_url = \"http://127.0.0.1:8090/v1\"", "base_url"),
        ("base_url = \"https://host/{org}\"", "base_url"),
        ("audience = \"\"", "audience"),
        ("scope = \"\\u0007\"", "scope"),
        ("polling.max_per_minute = 0", "polling.max_per_minute"),
        ("endpoints.get = { method = \"GET\", path = \"/identifications\" }", "endpoints.get.path"),
        (
            "endpoints.create = { method = \"POST\", path = \"/{identification_id}\" }",
            "endpoints.create.path",
        ),
        (
            "endpoints.delete = { method = \"DELETE\", path = \"no/{identification_id}\" }",
            "endpoints.delete.path",
        ),
        ("calls.send = { method = \"POST\", path = \"/{admin_identification_id}/{x}\" }", "calls.send.path"),
        (
            "calls.send = { method = \"POST\", path = \"/{identification_id}\", kinds = [] }",
            "calls.send.kinds",
        ),
        ("states = { \"two words\" = \"verified\" }", "states.two words"),
    ] {
        let found: Vec<_> = problems(more).into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, [key], "{more}");
    }
}
