//! Bodies as a vendor encrypts them: AES-256-CBC, PKCS#7, base64.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use idv_gateway::vendor::kit::delivery::Unverified;

use super::rig::delivery;

pub(crate) const BLOCK: usize = 16;
/// The header field with the initialisation vector.
pub(crate) const IV_FIELD: &str = "x-pvt-cipher-iv";
/// An example made after Preventor's description, not by this code: key, initialisation vector, body, what it says.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const IV: &str = "AAECAwQFBgcICQoLDA0ODw==";
pub(crate) const BODY: &str = "OqPBTrVKzokBW6Hq95LcveDKDS2fpshwow1xtJsi6whAaf8Sw5XSqeo9nm21r6td510Kqc02ABdgE6wkmQsqDFbsSl8MkfT\
     /2c4DScA81YRQZePPO5xFGYSOnwyIPDjGi7PjOWqZ49V2WXEovaaPAzPxp/9BkkCoSCOAwrxOWsB87rDOhgaKbrtZk8DpjIOmSXiFrTXlH1m4xflxtcXVD3N8oDAc\
     I4oTlid3O953wlU=";
pub(crate) const SAID: &str = r#"{"ticket":"762ebbda-0edb-4e48-86bc-11a280273601","event":"ticket.verification.completed","flow_status":"ACCEPTED","disposition":"PASSED","full_name":"José Núñez"}"#;

/// `text` as a vendor sends it; the first block of two bodies differs as `iv` does.
pub(crate) fn encrypt(key: &str, iv: u8, text: &[u8]) -> (String, String) {
    let padding = BLOCK - text.len() % BLOCK;
    let bytes = [text, &vec![u8::try_from(padding).unwrap(); padding]].concat();
    encrypt_blocks(key, iv, &bytes)
}

/// The same for text whose padding the test has chosen: initialisation vector and body.
pub(crate) fn encrypt_blocks(key: &str, iv: u8, blocks: &[u8]) -> (String, String) {
    let (iv, mut bytes) = ([iv; BLOCK], blocks.to_vec());
    let key = UnboundCipherKey::new(&AES_256, key.as_bytes()).and_then(EncryptingKey::cbc).unwrap();
    key.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(FixedLength::from(iv))).unwrap();
    (BASE64_STANDARD.encode(iv), BASE64_STANDARD.encode(bytes))
}

/// A webhook request with these header fields.
pub(crate) fn request(fields: &[(&'static str, &str)], body: impl Into<String>) -> Unverified {
    let mut request = delivery("", body.into());
    for (name, value) in fields {
        request.headers.append(*name, value.parse().unwrap());
    }
    request
}
