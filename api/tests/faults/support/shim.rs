//! Disks that break: a shim before the C library, built by the test, and a small file system in memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::server::ServerSpec;

/// Built once per test process; `None` where there is no C compiler.
static LIBRARY: LazyLock<Option<(TempDir, PathBuf)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/support/shim.c");
    let mut build = Command::new("cc");
    build.args(["-shared", "-fPIC", "-O1", "-Wall", "-o"]).arg(&library).arg(source).arg("-ldl");
    let built = build.status().ok()?;
    assert!(built.success(), "the shim does not compile");
    Some((folder, library))
});

/// The server with a disk that breaks once `arm` exists; `None` where the shim cannot be built.
pub(crate) fn broken(spec: &ServerSpec, fault: &str, file: &str, arm: &Path) -> Option<ServerSpec> {
    let (_, library) = LIBRARY.as_ref()?;
    let spec = spec.clone().with("LD_PRELOAD", &library.display().to_string());
    Some(spec.with("SHIM_FAULT", fault).with("SHIM_FILE", file).with("SHIM_ARM", &arm.display().to_string()))
}

/// A small file system of its own, unmounted when dropped.
pub(crate) struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// `None` where mounting is not permitted.
    pub(crate) fn mount(size_mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size_mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte; the file to remove when there is to be room again.
    pub(crate) fn fill(&self) -> PathBuf {
        use std::io::Write;
        let filler = self.path().join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, should somebody still have a file open.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}
