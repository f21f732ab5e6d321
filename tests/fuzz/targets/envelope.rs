#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| campaign_store::fuzzing::envelope(input));
