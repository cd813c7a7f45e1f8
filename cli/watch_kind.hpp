// SPDX-License-Identifier: MIT
//
// WatchKind: one kind of thing that `tocsin watch` can watch.
//
//     "timer:5s" ──> [ WatchKind::start ] ──> a task in the scope ──> WatchReport::tell
//
// Thread rule: the loop's thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/watch_report.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/scope.hpp"

namespace tocsin::cli {

/// Where watchers are started.
struct WatchWorld {
  Loop& loop;
  Scope& scope;
  WatchReport& report;
  bool recursive;
};

/// What keeps a watcher from starting, as a sentence with a way out; empty if nothing does.
using WatchComplaint = std::string;

/// What the user wrote: "timer:5s" is the kind "timer" and the rest "5s".
struct Watched {
  std::string text;
  std::string rest;
};

struct WatchKind {
  std::string_view name;   // What stands before the colon.
  std::string_view form;   // How it is written: timer:PERIOD
  std::string_view about;  // What is told of it.
  WatchComplaint (*start)(WatchWorld& world, const Watched& watched);
};

std::vector<WatchKind> time_watch_kinds();     // watch_time.cpp: timers, signals
std::vector<WatchKind> socket_watch_kinds();   // watch_sockets.cpp
std::vector<WatchKind> queue_watch_kinds();    // watch_queues.cpp: FIFOs, message queues
std::vector<WatchKind> file_watch_kinds();     // watch_files.cpp
std::vector<WatchKind> system_watch_kinds();   // watch_system.cpp: network, mounts, pressure
std::vector<WatchKind> process_watch_kinds();  // watch_processes.cpp: processes, keys

}  // namespace tocsin::cli
