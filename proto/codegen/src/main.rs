//! Writes the generated code into `proto/src/gen`, or with `--descriptors FILE` the schema's descriptor set into a file.

use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut args = env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("--descriptors"), Some(file)) => fs::write(file, codegen::descriptors()?),
        (None, _) => {
            for (name, content) in codegen::generate()? {
                fs::write(codegen::committed().join(name), content)?;
            }
            Ok(())
        }
        _ => Err(io::Error::other("usage: codegen [--descriptors FILE]")),
    }
}
