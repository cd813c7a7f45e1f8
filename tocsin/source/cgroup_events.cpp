// SPDX-License-Identifier: MIT
#include "tocsin/source/cgroup_events.hpp"

namespace tocsin {

CgroupState parse_cgroup_events(std::string_view text) {
  return {.populated = text.find("populated 1") != text.npos,
          .frozen = text.find("frozen 1") != text.npos};
}

Result<CgroupEvents> CgroupEvents::create(Loop& loop, const std::string& folder,
                                          std::source_location where) {
  auto file =
      internal::ChangingFile::open(loop, folder + "/cgroup.events", "", "cgroup events", where);
  if (!file) return std::unexpected(file.error());
  const auto text = file->read_all();
  if (!text) return std::unexpected(text.error());
  return CgroupEvents(std::move(*file), parse_cgroup_events(*text));
}

Task<Result<CgroupState>> CgroupEvents::next() {
  while (true) {
    const auto ready = co_await file_.changed();
    if (!ready) co_return std::unexpected(ready.error());
    const auto text = file_.read_all();
    if (!text) co_return std::unexpected(text.error());
    const CgroupState now = parse_cgroup_events(*text);
    if (now == state_) continue;
    state_ = now;
    co_return now;
  }
}

}  // namespace tocsin
