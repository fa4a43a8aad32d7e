//! Texts to descriptors, by a library: what a file declares, and what that means together with the files it
//! imports.

use std::collections::HashMap;

use indexmap::IndexMap;
use prost_reflect::FileDescriptor;
use prost_reflect::prost_types::FileDescriptorProto;
use protox::file::{ChainFileResolver, File, FileResolver};
use protox::{Compiler, Error};

use super::known_files::{DESCRIPTOR_FILE, KnownFiles, META_FILE};
use super::limits;
use super::serialized;

/// The name of a schema's own file, which has none in the registry. No path of an import is like it.
const OWN_FILE: &str = "this schema";

/// Files by the paths they are imported by.
type Files = HashMap<String, File>;

/// A file that was compiled.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    /// What it declares, with names as they are written and with the places of everything.
    pub(super) declared: FileDescriptorProto,
    /// What it means: names in full, options as values.
    pub(super) file: FileDescriptor,
}

/// Compiles a file with the files it imports, by the names it imports them by.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn compile(text: &str, imports: &[(String, String)]) -> Result<Compiled, String> {
    let own = open(OWN_FILE, text)?;
    let declared = own.declared;
    let mut files = Files::with_capacity(imports.len() + 1);
    for (path, text) in imports {
        let import = open(path, text).map_err(|error| format!("in the import '{path}': {error}"))?;
        files.insert(path.clone(), import.file);
    }
    files.insert(OWN_FILE.to_owned(), own.file);
    limits::check_public_imports(&files)?;
    let files: Files =
        files.iter().map(|(path, file)| (path.clone(), reaching(path, file, &files))).collect();
    let bare = files.iter().map(|(path, file)| (path.clone(), without_places(file))).collect::<Files>();
    let file = link(&bare).map_err(|error| {
        let file = error.file().unwrap_or(OWN_FILE).to_owned();
        let error = with_place(error, bare, &file, &files);
        let within = if file == OWN_FILE { String::new() } else { format!("in the import '{file}': ") };
        format!("{within}{}", explained(&error, text))
    })?;
    Ok(Compiled { declared, file })
}

/// A file with all that is reached by the public imports of what it imports. The library follows these one
/// step, which is why those further away are made imports of the file's own; they stand behind those that it
/// declares.
fn reaching(path: &str, file: &File, files: &Files) -> File {
    let declared = file.file_descriptor_proto();
    let mut reached: IndexMap<&str, usize> =
        declared.dependency.iter().map(|import| (import.as_str(), 0)).collect();
    let mut next = 0;
    while let Some((import, steps)) = reached.get_index(next).map(|(import, steps)| (*import, *steps)) {
        next += 1;
        let Some(imported) = files.get(import).map(File::file_descriptor_proto) else { continue };
        for index in &imported.public_dependency {
            let public = usize::try_from(*index).ok().and_then(|index| imported.dependency.get(index));
            if let Some(public) = public.filter(|public| *public != path) {
                reached.entry(public).or_insert(steps + 1);
            }
        }
    }
    let far = reached.iter().filter(|(_, steps)| **steps > 1).map(|(import, _)| (*import).to_owned());
    let far: Vec<String> = far.collect();
    if far.is_empty() {
        return file.clone();
    }
    let mut descriptor = declared.clone();
    descriptor.dependency.extend(far);
    File::from_file_descriptor_proto(descriptor)
}

/// An error with the place it is at. The library takes time for the places of options that grows with their
/// number times that of all places, so they are kept only where it stops: in the file that is wrong.
fn with_place(error: Error, bare: Files, path: &str, files: &Files) -> Error {
    let mut placed = bare;
    placed.extend(files.get(path).map(|file| (path.to_owned(), file.clone())));
    link(&placed).err().unwrap_or(error)
}

fn link(files: &Files) -> Result<FileDescriptor, Error> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(KnownFiles::new());
    resolver.add(GivenFiles(files.clone()));
    let mut compiler = Compiler::with_file_resolver(resolver);
    // Options are read by what this file says of them: it has to be there before another can say so.
    compiler.open_file(DESCRIPTOR_FILE)?;
    compiler.open_file(OWN_FILE)?;
    let file = compiler.descriptor_pool().get_file_by_name(OWN_FILE);
    file.ok_or_else(|| Error::file_not_found(OWN_FILE))
}

/// The file itself and those that were given with it.
struct GivenFiles(Files);

impl FileResolver for GivenFiles {
    fn open_file(&self, name: &str) -> Result<File, Error> {
        self.0.get(name).cloned().ok_or_else(|| Error::file_not_found(name))
    }
}

/// A file before its imports are known.
struct Opened {
    declared: FileDescriptorProto,
    /// As it is given to the compiler.
    file: File,
}

fn open(name: &str, text: &str) -> Result<Opened, String> {
    if serialized::is_serialized(text) {
        let (declared, file) = serialized::open(name, text)?;
        limits::check_file(&declared)?;
        return Ok(Opened { declared, file });
    }
    // Some editors begin a file with the mark of its encoding.
    let text = text.trim_start_matches('\u{FEFF}');
    let file = File::from_source(name, text).map_err(|error| explained(&error, text))?;
    let declared = file.file_descriptor_proto().clone();
    limits::check_file(&declared)?;
    Ok(Opened { file: with_meta(text, file), declared })
}

/// Confluent's registry lets schemas use its options without importing their file, and writes such schemas
/// itself, so the import is added where it is missing.
fn with_meta(text: &str, file: File) -> File {
    let has_options = text.contains("(confluent.") || text.contains("(.confluent.");
    let imports = &file.file_descriptor_proto().dependency;
    if !has_options || imports.iter().any(|import| import == META_FILE) {
        return file;
    }
    let mut descriptor = file.file_descriptor_proto().clone();
    descriptor.dependency.push(META_FILE.to_owned());
    File::from_file_descriptor_proto(descriptor)
}

fn without_places(file: &File) -> File {
    if file.file_descriptor_proto().source_code_info.is_none() {
        return file.clone();
    }
    let mut descriptor = file.file_descriptor_proto().clone();
    descriptor.source_code_info = None;
    File::from_file_descriptor_proto(descriptor)
}

/// What is wrong and where: a sentence for the user. `text` is that of the schema's own file.
fn explained(error: &Error, text: &str) -> String {
    let message = error.to_string();
    if message.ends_with("but found 'edition'") {
        return "editions of Protobuf are not supported: begin with syntax = \"proto3\" or \"proto2\""
            .to_owned();
    }
    let file = error.file().unwrap_or(OWN_FILE);
    // The one form of an error that tells the place is `file:line:column: message`.
    let shown = format!("{error:?}");
    let place = shown.strip_prefix(file).and_then(|rest| rest.strip_suffix(&message));
    let place = place.and_then(|place| place.trim_matches([':', ' ']).split_once(':'));
    let place = match place {
        Some((line, column)) => format!(" (line {line}, column {column})"),
        None if message.ends_with("reached end of file") => {
            let last = text.rsplit('\n').next().unwrap_or_default();
            let (line, column) = (text.matches('\n').count() + 1, last.chars().count() + 1);
            format!(" (line {line}, column {column})")
        }
        None => String::new(),
    };
    let hint = if error.is_file_not_found() {
        ", and there is no reference of that name: give the subject and version it is in"
    } else {
        ""
    };
    format!("{message}{hint}{place}")
}
