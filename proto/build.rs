//! Compiles the protocol files with a compiler written in Rust, so that protoc need not be installed.

use std::error::Error;
use std::path::PathBuf;

const FILES: [&str; 5] = ["catalog", "seating", "waitlist", "orders", "admin"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files: Vec<PathBuf> =
        FILES.iter().map(|name| root.join(format!("earlybird/v1/{name}.proto"))).collect();
    println!("cargo:rerun-if-changed={}", root.join("earlybird").display());

    let descriptors = protox::compile(&files, [&root])?;
    std::fs::write(out.join("earlybird.bin"), prost_bytes(&descriptors))?;
    tonic_prost_build::configure()
        .bytes(".earlybird.v1.SeatMap.states")
        .bytes(".earlybird.v1.SeatMapDelta.states")
        .bytes(".earlybird.v1.ImportVenueRequest.seating_plan")
        .compile_fds(descriptors)?;
    Ok(())
}

fn prost_bytes(descriptors: &impl prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}
