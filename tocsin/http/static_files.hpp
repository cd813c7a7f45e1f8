// SPDX-License-Identifier: MIT
//
// StaticFiles: the handler that answers with the files of a folder.
//
//     Request ──> clean_path ──> FileCache, else Directory ──> conditions, range ──> Response
//
// GET and HEAD; index.html for a folder, and a redirection for one asked for without its '/';
// conditional requests and one range. Names that begin with a dot, symbolic links, and everything
// that is neither a file nor a folder do not exist here. A folder without index.html is not listed.
//
// Files are read in the loop's thread: what is not in the page cache holds it up for as long as the
// disk takes.
//
// Ownership: it owns the folder's descriptor and what it keeps open; the executor must outlive it.
// Thread rule: the executor's thread.
#pragma once

#include <memory>

#include "tocsin/file/directory.hpp"
#include "tocsin/http/file_cache.hpp"
#include "tocsin/http/request.hpp"
#include "tocsin/http/response.hpp"

namespace tocsin::http {

class StaticFiles {
 public:
  /// Serves what is below `directory`.
  StaticFiles(Executor& executor, Directory directory);

  /// The answer to `request`; it stays valid as long as it is kept, whatever happens to the file,
  /// but for a large one that is cut while it is being sent.
  Response operator()(const Request& request);

 private:
  struct Loaded {
    Status status = Status::ok;  // If ok: `file`; if moved_permanently: it is a folder.
    std::shared_ptr<const ServedFile> file = nullptr;
  };

  Loaded load(std::string_view clean) const;
  Response answer(const Request& request, std::shared_ptr<const ServedFile> file) const;

  Directory directory_;
  std::unique_ptr<FileCache> cache_;  // Has an address of its own: alarms and lists point to it.
};

}  // namespace tocsin::http
