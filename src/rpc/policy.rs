//! What the contract says about each method, read from the descriptors the gateway embeds.

use std::collections::HashMap;

use prost::Message;

use crate::proto::options::MethodPolicy;

/// The policy of every method that has one, by its path: `/package.Service/Method`.
pub(super) fn policies(descriptors: &[u8]) -> Result<HashMap<String, MethodPolicy>, prost::DecodeError> {
    let mut policies = HashMap::new();
    for file in FileSet::decode(descriptors)?.files {
        for service in file.services {
            for method in service.methods {
                let path = format!("/{}.{}/{}", file.package, service.name, method.name);
                policies.extend(method.options.and_then(|options| options.policy).map(|it| (path, it)));
            }
        }
    }
    Ok(policies)
}

/// `google.protobuf.FileDescriptorSet`, as far as it leads to the policies: the types of `prost-types` drop custom
/// options.
#[derive(Clone, PartialEq, Message)]
struct FileSet {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<Method>,
}

#[derive(Clone, PartialEq, Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "4")]
    options: Option<Options>,
}

#[derive(Clone, PartialEq, Message)]
struct Options {
    #[prost(message, optional, tag = "51201")]
    policy: Option<MethodPolicy>,
}

#[cfg(test)]
mod tests {
    use super::policies;
    use crate::proto::DESCRIPTORS;

    #[test]
    fn every_method_has_its_policy() {
        let policies = policies(DESCRIPTORS).unwrap();
        assert!(policies.len() > 60, "{}", policies.len());
        let get = &policies["/idvgateway.v1.WebhookService/GetWebhookDelivery"];
        assert_eq!((get.scope.as_str(), get.returns_personal_data), ("webhooks.admin", true));
        assert_eq!(get.default_deadline_seconds, 10);
        assert!(!policies["/idvgateway.v1.EventService/WatchEvents"].returns_personal_data);
    }

    #[test]
    fn what_is_no_descriptor_set_is_refused() {
        assert!(policies(&[0xff]).is_err());
    }
}
