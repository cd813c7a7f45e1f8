// SPDX-License-Identifier: MIT
//
// FileCache: the files that were asked for within the last second.
//
//     path ──> [ FileCache ] ──> ServedFile: facts, header lines, content or descriptor
//
// What is hot costs no system call but the one that sends it. Everything ends one second after it
// was read, whether it is used or not: so a file that changes or goes away is seen within that
// second, a deleted one does not hold its disk space for longer, and a server that nobody asks has
// no file open and no timer armed. To read a hot file once a second costs nothing that shows.
//
// Since all entries live equally long, the oldest is the next to end, and that is the one that
// gives way when the cache is full: a list in order of age is all it needs.
//
// Ownership: it owns its entries; whoever was handed a ServedFile keeps it as long as needed. The
// executor must outlive it. Thread rule: the executor's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tocsin/base/executor.hpp"
#include "tocsin/file/directory.hpp"
#include "tocsin/http/conditional.hpp"

namespace tocsin::http {

/// A file as it was when it was opened, ready to be sent.
struct ServedFile {
  std::uint64_t size = 0;
  std::string content;          // All of it, if it is small; else
  Fd fd;                        // where it is to be read.
  std::string fields;           // Of a 200: Content-Type and what follows.
  std::size_t type_length = 0;  // That much of `fields` is Content-Type, which a 304 has not.
  std::string tag;              // With its quotes.
  std::optional<std::int64_t> modified;

  Validators validators() const { return {tag, modified}; }
};

struct CacheLimits {
  std::size_t entries = 1024;
  std::size_t content = 16 * 1024 * 1024;  // Bytes of contents.
  Duration life = std::chrono::seconds(1);
};

class FileCache {
 public:
  explicit FileCache(Executor& executor, const CacheLimits& limits = {})
      : executor_(executor), limits_(limits) {}
  FileCache(const FileCache&) = delete;
  ~FileCache();

  /// What was kept under `path` less than a life ago, or null.
  std::shared_ptr<const ServedFile> find(std::string_view path);

  /// Keeps `file` under `path`, in place of what was there; the oldest gives way.
  void keep(std::string_view path, std::shared_ptr<const ServedFile> file);

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry : ListNode {
    std::shared_ptr<const ServedFile> file;
    TimePoint ends;
    std::string_view path;  // The key.
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const {
      return std::hash<std::string_view>{}(path);
    }
  };
  struct Sweep final : Alarm {
    explicit Sweep(FileCache& owner) : cache(&owner) {}
    void run() override { cache->drop_ended(); }
    FileCache* cache;
  };

  void drop(Entry& entry);
  void drop_ended();

  Executor& executor_;
  CacheLimits limits_;
  std::size_t content_ = 0;  // Bytes of contents that are kept.
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
  List<Entry> by_age_;  // All of them, the oldest first.
  Sweep sweep_{*this};  // Armed as long as there are any.
};

}  // namespace tocsin::http
