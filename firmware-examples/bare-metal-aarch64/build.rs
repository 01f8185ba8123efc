//! Has the linker lay the program out as `link.ld` says.

fn main() {
    println!("cargo::rerun-if-changed=link.ld");
    println!("cargo::rustc-link-arg=-T{}/link.ld", std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
}
