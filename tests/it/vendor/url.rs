//! Origins and path templates.

use idv_gateway::vendor::kit::url::{Alphabet, Origin, PathTemplate, Plain};

const ANY: Alphabet = Alphabet::letters_digits_and("-._~", 64);

#[test]
fn an_origin_is_https_or_this_machine() {
    for good in ["https://gateway.idnow.de", "https://gateway.idnow.de/", "https://localhost:8443"] {
        assert!(Origin::parse(good, Plain::Never).is_ok(), "{good}");
    }
    for local in ["http://127.0.0.1:8090", "http://127.9.9.9", "http://localhost:1", "http://[::1]:80"] {
        assert!(Origin::parse(local, Plain::Loopback).is_ok(), "{local}");
        let refused = Origin::parse(local, Plain::Never).unwrap_err();
        assert!(refused.to_string().contains("https"), "{refused}");
    }
    for far in
        ["http://10.0.0.1", "http://idnow.de", "http://localhost.idnow.de", "http://0.0.0.0", "http://[::]"]
    {
        assert!(Origin::parse(far, Plain::Loopback).is_err(), "{far}");
    }
    let more = [
        "https://user@host",
        "https://:x@host",
        "https://host/api",
        "https://host?x",
        "https://host#x",
        "https://{customer}.host",
        "https://a_b",
    ];
    for odd in
        more.into_iter().chain(["", "gateway.idnow.de", "ftp://host", "https://", "file:///etc/passwd"])
    {
        assert!(Origin::parse(odd, Plain::Loopback).is_err(), "{odd}");
    }
}

#[test]
fn a_template_is_filled_whole_or_not_at_all() {
    let origin = Origin::parse("https://gateway.idnow.de", Plain::Never).unwrap();
    let template = PathTemplate::parse("/api/{customer}/x/{t}/start").unwrap();
    let (bank, number) = (ANY.segment("bank").unwrap(), ANY.segment("A-1_~.").unwrap());
    let target = template.fill(&origin, &[("customer", &bank), ("t", &number)]).unwrap();
    assert_eq!(target.url().as_str(), "https://gateway.idnow.de/api/bank/x/A-1_~./start");
    assert_eq!(target.template(), "/api/{customer}/x/{t}/start");
    assert_eq!(template.places().collect::<Vec<_>>(), ["customer", "t"]);
    assert!(!format!("{target:?}").contains("A-1"), "ids stay out of logs");
    let missing = template.fill(&origin, &[("customer", &bank)]).unwrap_err();
    assert_eq!(missing.to_string(), "has no value for {t}");
}

#[test]
fn a_template_has_only_plain_words_and_places() {
    for odd in [
        "", "api", "/", "//a", "/a//b", "/a/", "/../a", "/a/./b", "/a?b", "/a#b", "/a%2fb", "/{", "/{}",
        "/a{b}", "/{a b}",
    ] {
        assert!(PathTemplate::parse(odd).is_err(), "{odd}");
    }
}

#[test]
fn dots_alone_are_no_segment() {
    for dots in [".", "..", "...", "...."] {
        assert!(ANY.segment(dots).is_err(), "{dots}");
    }
    assert!(ANY.segment(&"a".repeat(64)).is_ok());
    assert!(ANY.segment(&"a".repeat(65)).is_err());
}
