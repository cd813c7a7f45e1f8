// SPDX-License-Identifier: MIT
#include <fmt/core.h>

#include "cli/watch_kind.hpp"
#include "tocsin/file/file_watch.hpp"

namespace tocsin::cli {
namespace {

WatchEvent event_of(const Change& change, const std::string& what) {
  WatchEvent event(what, std::string(name_of(change.kind)));
  event.fields.emplace_back("path", change.path);
  if (!change.from.empty()) event.fields.emplace_back("from", change.from);
  if (change.is_directory) event.fields.emplace_back("directory", "true");
  if (change.error) event.fields.emplace_back("error", change.error->name());
  return event;
}

Task<Result<>> watch_file(WatchReport& report, FileWatch watch, std::string what) {
  while (true) {
    const auto change = co_await watch.next();
    if (!change && change.error() == Errno{ENOENT}) co_return {};  // It is gone; that was told.
    if (!change) co_return std::unexpected(change.error());
    co_await report.tell(event_of(*change, what));
  }
}

WatchComplaint start_file(WatchWorld& world, const Watched& watched) {
  if (watched.rest.empty()) return "give a path: file:/etc, file:notes.txt";
  auto watch = FileWatch::create(world.loop, watched.rest, {.recursive = world.recursive});
  if (!watch) {
    const std::string_view limit = limit_behind(WatchBackend::inotify, watch.error());
    if (limit.empty()) return std::string(watch.error().message());
    return fmt::format("{}: too many are watched; raise sysctl {}", watch.error().name(), limit);
  }
  world.scope.spawn(watch_file(world.report, std::move(*watch), watched.text));
  return {};
}

}  // namespace

std::vector<WatchKind> file_watch_kinds() {
  return {{"file", "file:PATH", "changes of a file or in a folder (--recursive)", start_file}};
}

}  // namespace tocsin::cli
