//! The encryption of webhooks: AES-256 in CBC mode with the padding of PKCS#7.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;

/// Bytes of a secret.
pub(super) const KEY: usize = 32;

/// `plain` under `key`, which is 32 bytes long.
pub(super) fn encrypt(key: &[u8], iv: [u8; 16], plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key)?)?;
    let mut bytes = plain.to_vec();
    key.less_safe_encrypt(&mut bytes, EncryptionContext::Iv128(FixedLength::from(iv)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// Made after the vendor's description, with another program.
    #[test]
    fn the_bytes_are_those_of_the_known_answer() {
        let plain = "{\"ticket\":\"762ebbda-0edb-4e48-86bc-11a280273601\",\
            \"event\":\"ticket.verification.completed\",\"flow_status\":\"ACCEPTED\",\
            \"disposition\":\"PASSED\",\"full_name\":\"José Núñez\"}";
        let iv = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let bytes = encrypt(b"0123456789abcdef0123456789abcdef", iv, plain.as_bytes()).unwrap();
        let expected = "OqPBTrVKzokBW6Hq95LcveDKDS2fpshwow1xtJsi6whAaf8Sw5XSqeo9nm21r6td510Kqc02ABdgE6wkmQsqDFbs\
            Sl8MkfT/2c4DScA81YRQZePPO5xFGYSOnwyIPDjGi7PjOWqZ49V2WXEovaaPAzPxp/9BkkCoSCOAwrxOWsB87rDOhgaKbrtZk8DpjI\
            OmSXiFrTXlH1m4xflxtcXVD3N8oDAcI4oTlid3O953wlU=";
        assert_eq!(STANDARD.encode(bytes), expected);
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(encrypt(&[0; 33], [0; 16], b"{}").is_err());
    }
}
