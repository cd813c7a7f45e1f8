// SPDX-License-Identifier: MIT
#include "tocsin/http/file_cache.hpp"

#include <utility>

namespace tocsin::http {

FileCache::~FileCache() {
  sweep_.unlink();
  by_age_.clear();
}

std::shared_ptr<const ServedFile> FileCache::find(std::string_view path) {
  const auto found = entries_.find(path);
  if (found == entries_.end() || found->second.ends <= executor_.now()) return nullptr;
  return found->second.file;
}

void FileCache::keep(std::string_view path, std::shared_ptr<const ServedFile> file) {
  if (const auto found = entries_.find(path); found != entries_.end()) drop(found->second);
  if (file->content.size() > limits_.content || limits_.entries == 0) return;
  while (entries_.size() >= limits_.entries || content_ + file->content.size() > limits_.content)
    drop(by_age_.front());

  content_ += file->content.size();
  const auto [place, is_new] = entries_.try_emplace(std::string(path));
  CHECK(is_new, "a file is kept once under one path");
  Entry& entry = place->second;
  entry.file = std::move(file);
  entry.ends = saturating_add(executor_.now(), limits_.life);
  entry.path = place->first;
  by_age_.push_back(entry);
  if (!sweep_.is_linked()) executor_.arm(sweep_, entry.ends, limits_.life / 8);
}

void FileCache::drop(Entry& entry) {
  content_ -= entry.file->content.size();
  entry.unlink();
  entries_.erase(entries_.find(entry.path));
}

void FileCache::drop_ended() {
  while (!by_age_.empty() && by_age_.front().ends <= executor_.now()) drop(by_age_.front());
  if (!by_age_.empty()) executor_.arm(sweep_, by_age_.front().ends, limits_.life / 8);
}

}  // namespace tocsin::http
