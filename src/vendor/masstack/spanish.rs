//! Spanish identity numbers end with a letter that follows from their digits.

/// The letter of each remainder by 23.
const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// A person's NIF: a DNI of eight digits, or K, L or M and seven digits for those without one.
pub(super) fn is_nif(text: &str) -> bool {
    match text.as_bytes() {
        [b'K' | b'L' | b'M', digits @ .., letter] if digits.len() == 7 => fits(digits, *letter),
        [digits @ .., letter] if digits.len() == 8 => fits(digits, *letter),
        _ => false,
    }
}

/// A foreigner's NIE: X, Y or Z, which count as 0, 1 and 2, and seven digits.
pub(super) fn is_nie(text: &str) -> bool {
    match text.as_bytes() {
        [first @ (b'X' | b'Y' | b'Z'), digits @ .., letter] if digits.len() == 7 => {
            let mut number = [0; 8];
            number[0] = b'0' + (first - b'X');
            number[1..].copy_from_slice(digits);
            fits(&number, *letter)
        }
        _ => false,
    }
}

fn fits(digits: &[u8], letter: u8) -> bool {
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let remainder = digits.iter().fold(0, |rest, digit| (rest * 10 + usize::from(digit - b'0')) % 23);
    LETTERS[remainder] == letter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_their_letter_are_known() {
        for good in ["12345678Z", "00000000T", "K1234567L", "54362315K"] {
            assert!(is_nif(good), "{good}");
        }
        for odd in ["12345678A", "12345678z", "1234567Z", "X1234567L", "A58818501", "", "1234567éZ"] {
            assert!(!is_nif(odd), "{odd}");
        }
        for good in ["X1234567L", "Y1234567X", "Z1234567R", "X2482300W"] {
            assert!(is_nie(good), "{good}");
        }
        for odd in ["X1234567A", "W1234567L", "X123456L", "12345678Z", "X-234567L", ""] {
            assert!(!is_nie(odd), "{odd}");
        }
    }
}
