//! The `ar` archive that a Debian package is (deb(5)): headers of fixed width, members at even offsets.

/// What every archive begins with.
const MAGIC: &[u8] = b"!<arch>\n";

/// An archive of named members, in the order given. Names are at most 16 bytes long.
pub fn archive(members: &[(&str, &[u8])], seconds: u64) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for (name, content) in members {
        debug_assert!(name.len() <= 16, "{name}");
        // Name, time, owner, group, mode in octal, size.
        bytes.extend(format!("{name:<16}{seconds:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", content.len()).bytes());
        bytes.extend(*content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_begin_at_even_offsets() {
        let bytes = archive(&[("one", b"1"), ("two", b"22")], 7);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "!<arch>\n\
             one             7           0     0     100644  1         `\n1\n\
             two             7           0     0     100644  2         `\n22"
        );
    }
}
