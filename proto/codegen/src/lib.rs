//! Turns `proto/schema/**.proto` into the Rust of `proto/src/gen`. Owns the list of schema files and the
//! generator's options; leaves the meaning of the messages to `proto::packet`, `proto::link` and `proto::backend`.
//!
//! The output is committed, so that nobody who builds Holdfast needs `protoc`, nor this crate's dependencies. The test
//! in this crate fails when the committed output is not what the schema gives; `scripts/gen` renews it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use prost::Message as _;

/// The schema files, relative to `proto/schema`.
const FILES: [&str; 3] =
    ["holdfast/client/v1/packet.proto", "holdfast/link/v1/link.proto", "holdfast/backend/v1/backend.proto"];

/// Where the committed output stands.
pub fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/gen")
}

/// The schema as a serialized `google.protobuf.FileDescriptorSet`, for readers in other languages.
pub fn descriptors() -> io::Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
    let set = protox::compile(FILES.map(|file| root.join(file)), [&root]).map_err(io::Error::other)?;
    Ok(set.encode_to_vec())
}

/// Generates everything: pairs of a file name and its content, in a fixed order.
pub fn generate() -> io::Result<Vec<(String, String)>> {
    let bytes = descriptors()?;
    let scratch = tempfile::tempdir()?;
    let set = prost_types::FileDescriptorSet::decode(bytes.as_slice()).map_err(io::Error::other)?;
    let mut prost = prost_build::Config::new();
    prost.out_dir(scratch.path()).compile_fds(set)?;
    pbjson_build::Builder::new()
        .register_descriptors(&bytes)?
        .out_dir(scratch.path())
        .build(&[".holdfast.client.v1"])?;
    let mut files = Vec::new();
    for entry in fs::read_dir(scratch.path())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, fs::read_to_string(entry.path())?));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_code_is_what_the_schema_gives() {
        for (name, content) in generate().unwrap() {
            let path = committed().join(&name);
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert!(committed == content, "{name} is stale: run scripts/gen");
        }
    }
}
