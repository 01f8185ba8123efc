//! See `retort_tests::fuzz::service`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: retort::guard::silence_guarded_panics(), |data: &[u8]| retort_tests::fuzz::service(data));
