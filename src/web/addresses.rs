//! Where pages are: addresses that hold names of WHMCS, each sign of them written so that it stays part of its name.

use std::fmt::Write;

use crate::domain::catalogue::ProductId;

/// The page of a product, or of one of its combinations: `/products/eu%20west/42?combination=4%3D11`.
#[must_use]
pub fn product(instance: &str, product: ProductId, combination: Option<&str>) -> String {
    let page = format!("/products/{}/{product}", encoded(instance));
    match combination {
        Some(key) => format!("{page}?combination={}", encoded(key)),
        None => page,
    }
}

/// A text as a part of an address: all but letters, digits and `-._~` as `%XX`.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::posted::is_own;

    #[test]
    fn a_name_of_any_signs_stays_one_part_of_an_address_of_ours() {
        let address = product("eu/west é \"?#&%", 42, Some("4=11;5=20"));
        assert_eq!(
            address,
            "/products/eu%2Fwest%20%C3%A9%20%22%3F%23%26%25/42?combination=4%3D11%3B5%3D20"
        );
        assert!(is_own(&address));
        assert_eq!(product("default", -1, None), "/products/default/-1");
    }
}
