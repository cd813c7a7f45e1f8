// SPDX-License-Identifier: MIT
//
// tocsin events: what can be waited for on this machine, tried.
//
//     all kinds (kind.hpp) ──> make one, epoll_ctl(ADD) ──> [ events ] ──> a table, or JSON
//
// Thread rule: one thread.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tocsin::cli {

struct EventsArguments {
  std::vector<std::string> kinds;  // Part of the name of each kind to be tried; none: all.
  bool json = false;
};

/// Declares the subcommand; parsing fills `arguments`, which must last as long as `app`.
CLI::App* add_events(CLI::App& app, EventsArguments& arguments);

/// Tries the kinds and prints what came of it to `out`. Answers the exit status: `not_started`, and
/// a line to `err`, if no kind is called so.
int events(const EventsArguments& arguments, std::FILE* out, std::FILE* err);

}  // namespace tocsin::cli
