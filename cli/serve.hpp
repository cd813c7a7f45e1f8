// SPDX-License-Identifier: MIT
//
// tocsin serve: a folder over HTTP.
//
//     ServeArguments ──> [ serve ] ──> a Worker a thread ──> http::serve, StaticFiles
//
// This thread only listens to signals. The first SIGTERM or SIGINT has the workers stop accepting
// and finish what they are sending; the second one ends them at once.
//
// Thread rule: the main thread, before others are started: they inherit its signal mask.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tocsin::cli {

struct ServeArguments {
  std::string folder = ".";
  std::vector<std::string> listen{"127.0.0.1:8080"};
  unsigned workers = 1;               // 0: one a core.
  std::string accept = "reuse_port";  // A Sharing's name.
  double header_timeout = 10;         // Seconds.
  double idle_timeout = 60;
  double grace = 30;
  unsigned max_header = 16 * 1024;  // Bytes.
};

/// Declares the subcommand; parsing fills `arguments`, which must last as long as `app`.
CLI::App* add_serve(CLI::App& app, ServeArguments& arguments);

/// Serves until it is told to end and answers the exit status. Says on `out`, in one flushed line,
/// where it listens, once it does; says on `err`, in one line, why it cannot.
int serve(const ServeArguments& arguments, std::FILE* out, std::FILE* err);

}  // namespace tocsin::cli
