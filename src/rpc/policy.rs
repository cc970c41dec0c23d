//! What the contract says about each method, read from the descriptors the gateway embeds.

use std::collections::HashMap;

use prost::DecodeError;
use prost_reflect::{DescriptorError, DescriptorPool, MethodDescriptor};

use crate::proto::options::MethodPolicy;

const OPTION: &str = "idvgateway.options.v1.policy";

/// One method of the contract.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) policy: MethodPolicy,
    /// It answers with a stream of messages.
    pub(super) streams: bool,
}

/// Every method that has a policy, by its path: `/package.Service/Method`.
pub(super) type Methods = HashMap<String, Method>;

/// Why the descriptors cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// They are none.
    #[error("the descriptors of the contract do not fit together")]
    Descriptors(#[from] DescriptorError),
    /// They have no policies.
    #[error("the contract does not know the option {OPTION}")]
    NoOption,
    /// A policy is none.
    #[error("a policy of the contract cannot be read")]
    Policy(#[from] DecodeError),
}

/// Reads the methods off an encoded `google.protobuf.FileDescriptorSet`.
pub(super) fn methods(descriptors: &[u8]) -> Result<Methods, PolicyError> {
    let pool = DescriptorPool::decode(descriptors)?;
    let option = pool.get_extension_by_name(OPTION).ok_or(PolicyError::NoOption)?;
    let policy = |method: &MethodDescriptor| {
        let options = method.options();
        let value = options.has_extension(&option).then(|| options.get_extension(&option));
        value.as_ref().and_then(|value| value.as_message()).map(|policy| policy.transcode_to()).transpose()
    };
    let mut methods = Methods::new();
    for service in pool.services() {
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            let streams = method.is_server_streaming();
            methods.extend(policy(&method)?.map(|policy| (path, Method { policy, streams })));
        }
    }
    Ok(methods)
}

#[cfg(test)]
mod tests {
    use super::{PolicyError, methods};
    use crate::proto::DESCRIPTORS;

    #[test]
    fn every_method_has_its_policy() {
        let methods = methods(DESCRIPTORS).unwrap();
        assert!(methods.len() > 60, "{}", methods.len());
        let get = &methods["/idvgateway.v1.WebhookService/GetWebhookDelivery"];
        assert_eq!((get.policy.scope.as_str(), get.policy.returns_personal_data), ("webhooks.admin", true));
        assert_eq!((get.policy.default_deadline_seconds, get.streams), (10, false));
        let watch = &methods["/idvgateway.v1.EventService/WatchEvents"];
        assert_eq!((watch.policy.returns_personal_data, watch.streams), (false, true));
    }

    #[test]
    fn what_is_no_contract_is_refused() {
        assert!(matches!(methods(&[0xff]), Err(PolicyError::Descriptors(_))));
        assert!(matches!(methods(&[]), Err(PolicyError::NoOption)));
    }
}
