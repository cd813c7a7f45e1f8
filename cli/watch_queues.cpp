// SPDX-License-Identifier: MIT
#include <fmt/core.h>

#include "cli/watch_kind.hpp"
#include "cli/watch_words.hpp"
#include "tocsin/source/message_queue.hpp"
#include "tocsin/source/pipe.hpp"

namespace tocsin::cli {
namespace {

// ---- FIFOs --------------------------------------------------------------------------------------

Task<Result<>> watch_fifo(WatchReport& report, PipeReader reader, std::string what) {
  while (auto bytes = co_await reader.read())
    co_await report.tell(WatchEvent(what, "data").with("text", text_of(*bytes)));
  co_return {};
}

WatchComplaint start_fifo(WatchWorld& world, const Watched& watched) {
  if (watched.rest.empty()) return "give a path: fifo:/run/x.fifo (mkfifo makes one)";
  auto reader = PipeReader::open_fifo(world.loop, watched.rest);
  if (!reader && reader.error() == Errno{ENOENT})
    return fmt::format("there is none; make one: mkfifo {}", watched.rest);
  if (!reader && reader.error() == Errno::invalid) return "is there, but is no FIFO";
  if (!reader) return fmt::format("cannot open it: {}", reader.error().message());
  world.scope.spawn(watch_fifo(world.report, std::move(*reader), watched.text));
  return {};
}

// ---- message queues -----------------------------------------------------------------------------

Task<Result<>> watch_queue(WatchReport& report, MessageQueue queue, std::string what) {
  while (auto message = co_await queue.receive())
    co_await report.tell(WatchEvent(what, "message")
                             .with("priority", std::to_string(message->priority))
                             .with("text", text_of(message->bytes)));
  co_return {};
}

WatchComplaint start_queue(WatchWorld& world, const Watched& watched) {
  auto queue = MessageQueue::open(world.loop, watched.rest, {.access = O_RDONLY, .create = false});
  if (!queue) return explain_queue_error(watched.rest, queue.error());
  world.scope.spawn(watch_queue(world.report, std::move(*queue), watched.text));
  return {};
}

}  // namespace

std::vector<WatchKind> queue_watch_kinds() {
  return {
      {"fifo", "fifo:PATH", "what is written to it", start_fifo},
      {"mq", "mq:/NAME", "messages of a POSIX queue; takes them out", start_queue},
  };
}

}  // namespace tocsin::cli
