//! The file system: empty. There is no folder to begin at, so that no path leads anywhere and nobody ever has a descriptor.
//!
//! Interpreters import it whether or not a strategy opens files: Python looks for its folders before it prints a traceback.

use super::{Answers, LOOK};
use domain::guest::GuestHost;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types as shared};
use wasmtime_wasi::p2::bindings::sync::filesystem::types;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Filesize,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

impl<H: GuestHost> preopens::Host for Answers<'_, H> {
    fn get_directories(&mut self) -> Result<Vec<(Resource<Descriptor>, String)>> {
        self.0.pay(LOOK)?;
        Ok(Vec::new())
    }
}

impl<H: GuestHost> types::Host for Answers<'_, H> {
    fn convert_error_code(&mut self, error: FsError) -> Result<ErrorCode> {
        error.downcast().map(ErrorCode::from)
    }
    fn filesystem_error_code(&mut self, _: Resource<wasmtime::Error>) -> Result<Option<ErrorCode>> {
        Ok(None)
    }
}

/// Functions of a descriptor, which nobody has: each answers `bad-descriptor`.
macro_rules! without_files {
    ($($name:ident($($argument:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&mut self, _: Resource<Descriptor> $(, _: $argument)*) -> FsResult<$answer> {
            Err(shared::ErrorCode::BadDescriptor.into())
        })*
    };
}

impl<H: GuestHost> types::HostDescriptor for Answers<'_, H> {
    without_files! {
        advise(Filesize, Filesize, Advice) -> ();
        sync_data() -> ();
        get_flags() -> DescriptorFlags;
        get_type() -> DescriptorType;
        set_size(Filesize) -> ();
        set_times(NewTimestamp, NewTimestamp) -> ();
        read(Filesize, Filesize) -> (Vec<u8>, bool);
        write(Vec<u8>, Filesize) -> Filesize;
        read_directory() -> Resource<DirectoryEntryStream>;
        sync() -> ();
        create_directory_at(String) -> ();
        stat() -> DescriptorStat;
        stat_at(PathFlags, String) -> DescriptorStat;
        set_times_at(PathFlags, String, NewTimestamp, NewTimestamp) -> ();
        link_at(PathFlags, String, Resource<Descriptor>, String) -> ();
        open_at(PathFlags, String, OpenFlags, DescriptorFlags) -> Resource<Descriptor>;
        readlink_at(String) -> String;
        remove_directory_at(String) -> ();
        rename_at(String, Resource<Descriptor>, String) -> ();
        symlink_at(String, String) -> ();
        unlink_file_at(String) -> ();
        read_via_stream(Filesize) -> Resource<DynInputStream>;
        write_via_stream(Filesize) -> Resource<DynOutputStream>;
        append_via_stream() -> Resource<DynOutputStream>;
        metadata_hash() -> MetadataHashValue;
        metadata_hash_at(PathFlags, String) -> MetadataHashValue;
    }

    fn is_same_object(&mut self, _: Resource<Descriptor>, _: Resource<Descriptor>) -> Result<bool> {
        Ok(false)
    }
    fn drop(&mut self, _: Resource<Descriptor>) -> Result<()> {
        Ok(())
    }
}

impl<H: GuestHost> types::HostDirectoryEntryStream for Answers<'_, H> {
    fn read_directory_entry(&mut self, _: Resource<DirectoryEntryStream>) -> FsResult<Option<DirectoryEntry>> {
        Err(shared::ErrorCode::BadDescriptor.into())
    }
    fn drop(&mut self, _: Resource<DirectoryEntryStream>) -> Result<()> {
        Ok(())
    }
}
