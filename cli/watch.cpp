// SPDX-License-Identifier: MIT
#include "cli/watch.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "cli/program.hpp"
#include "cli/watch_kind.hpp"
#include "tocsin/source/run.hpp"
#include "tocsin/source/watch.hpp"
#include "tocsin/task/sleep.hpp"

namespace tocsin::cli {
namespace {

std::vector<WatchKind> all_kinds() {
  std::vector<WatchKind> all = time_watch_kinds();
  for (const auto& more : {socket_watch_kinds(), queue_watch_kinds(), file_watch_kinds(),
                           process_watch_kinds(), system_watch_kinds()})
    std::ranges::copy(more, std::back_inserter(all));
  return all;
}

std::string footer() {
  std::string text = "WHAT is one of:\n";
  for (const WatchKind& kind : all_kinds())
    text += fmt::format("  {:<28}{}\n", kind.form, kind.about);
  text += R"(
Examples:
  tocsin watch file:/etc --recursive        every change of a file below /etc
  tocsin watch timer:5s signal:HUP          both, in one stream of lines
  tocsin watch file:src -r -x 'make test'   runs it after each change
  tocsin watch udp:127.0.0.1:5353 --json    a line of JSON for each datagram
  tocsin watch tcp::9000 --once             waits for one connection

A line is WHAT, the event, and NAME=VALUE for what is known of it. Exit status: 0 when it
was told to end, or has told as many events as it was asked for; 3 if --timeout came first;
2 if something cannot be watched; 1 if watching broke off.
)";
  return text;
}

// Starts the watcher for `text`, or says why not.
WatchComplaint start(WatchWorld& world, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const std::vector<WatchKind> kinds = all_kinds();
  const auto kind = std::ranges::find(kinds, name, &WatchKind::name);
  if (kind == kinds.end())
    return fmt::format("{}: there is nothing called {} to watch; see: tocsin watch --help", text,
                       name);
  const Watched watched{text, colon == text.npos ? "" : text.substr(colon + 1)};
  const WatchComplaint complaint = kind->start(world, watched);
  if (complaint.empty()) return {};
  return fmt::format("{}: {}", text, complaint);
}

class Watching {
 public:
  Watching(const WatchArguments& arguments, std::FILE* out, std::FILE* err)
      : arguments_(arguments), style_(arguments.style), out_(out), err_(err) {
    if (arguments.once) style_.count = 1;
  }

  Task<Result<>> run(Loop& loop) {
    WatchReport report(style_, out_, err_, loop);
    Scope scope(loop);
    report.cancel_at_end(scope);
    WatchWorld world{loop, scope, report, arguments_.recursive};
    for (const std::string& text : arguments_.what)
      if (complaint = start(world, text); !complaint.empty()) co_return {};
    Scope helpers(loop);  // They end with the watchers.
    if (arguments_.timeout > 0) helpers.spawn(end_after(scope));
    // What is always ready, a file, is there for ever, too.
    auto reader = Watch::create(loop, ::fileno(out_), Ready::none, {}, "stdout");
    if (reader) helpers.spawn(end_when_unread(**reader, report));
    auto outcome = co_await scope.join();
    helpers.cancel();
    static_cast<void>(co_await helpers.join());
    how_it_ended = report.how_it_ended();
    if (how_it_ended != WatchReport::End::none || is_time_over) outcome = {};
    co_return outcome;
  }

  std::string complaint;
  bool is_time_over = false;
  WatchReport::End how_it_ended = WatchReport::End::none;

 private:
  // An error or a hangup is told unasked: whoever read has gone.
  static Task<> end_when_unread(Watch& output, WatchReport& report) {
    const auto ready = co_await output.next();
    if (ready) report.closed();
  }

  Task<> end_after(Scope& scope) {
    const std::chrono::duration<double> length(arguments_.timeout);
    const auto slept = co_await sleep_for(std::chrono::duration_cast<Duration>(length));
    if (!slept) co_return;
    is_time_over = true;
    scope.cancel();
  }

  const WatchArguments& arguments_;
  WatchStyle style_;
  std::FILE* out_;
  std::FILE* err_;
};

}  // namespace

CLI::App* add_watch(CLI::App& app, WatchArguments& arguments) {
  CLI::App* const command = app.add_subcommand("watch", "wait for any mix of events");
  command->footer(footer());
  command->add_option("WHAT", arguments.what, "what to watch; see below")->required();
  command->add_flag("-r,--recursive", arguments.recursive, "of folders: what is below them, too");
  command->add_flag("--json", arguments.style.json, "each event as a line of JSON");
  command
      ->add_option("-x,--exec", arguments.style.command,
                   "run by sh for each event, which is in its environment: TOCSIN_WHAT,\n"
                   "TOCSIN_EVENT, and TOCSIN_NAME for each NAME=VALUE")
      ->type_name("CMD");
  command->add_option("-n,--count", arguments.style.count, "end after so many events")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->add_flag("-1,--once", arguments.once, "end after the first event");
  command->add_option("-t,--timeout", arguments.timeout, "end after so long")
      ->check(CLI::Range(0.001, 1e9))
      ->type_name("SECONDS");
  return command;
}

int watch(const WatchArguments& arguments, std::FILE* out, std::FILE* err) {
  Watching watching(arguments, out, err);
  const auto outcome = run([&](Loop& loop) { return watching.run(loop); });
  if (!watching.complaint.empty()) {
    fmt::print(err, "tocsin: {}\n", watching.complaint);
    return not_started;
  }
  if (!outcome) {
    fmt::print(err, "tocsin: stopped watching: {}\n", outcome.error().message());
    return failed;
  }
  if (watching.how_it_ended == WatchReport::End::unwritten) return failed;
  const bool is_counted = arguments.once || arguments.style.count != 0;
  return watching.is_time_over && is_counted ? time_over : success;
}

}  // namespace tocsin::cli
