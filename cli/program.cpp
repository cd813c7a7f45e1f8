// SPDX-License-Identifier: MIT
#include "cli/program.hpp"

#include <algorithm>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "cli/bench.hpp"
#include "cli/events.hpp"
#include "cli/serve.hpp"
#include "cli/watch.hpp"

namespace tocsin::cli {
namespace {

constexpr const char* examples = R"(Examples:
  tocsin serve                          this folder at http://127.0.0.1:8080
  tocsin serve public --listen :8080    a folder, for everyone who reaches this machine
  tocsin events                         what can be waited for on this machine
  tocsin watch timer:5s signal:HUP      a line for each event
  tocsin bench multiplexers --quick     select, poll, epoll and io_uring, measured here
  tocsin help serve                     all about serve
)";

struct Subcommand {
  CLI::App* app;
  std::function<int()> run;
};

// The first line of CLI11's complaint, without the help that may follow it.
std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

// Prints the help of the subcommand that `topic` leads to, from `app` down. (App::help would
// explain the subcommand that was called: help itself.)
int explain(const CLI::App& app, const std::vector<std::string>& topic, std::FILE* out,
            std::FILE* err) {
  const CLI::App* explained = &app;
  std::string path = app.get_name();
  for (const std::string& name : topic) {
    const auto below =
        explained->get_subcommands([&](const CLI::App* one) { return one->get_name() == name; });
    if (below.empty()) {
      fmt::print(err, "tocsin: there is no subcommand {}; see: tocsin help\n", name);
      return not_started;
    }
    explained = below.front();
    path += " " + name;
  }
  fmt::print(out, "{}",
             app.get_formatter()->make_help(explained, path, CLI::AppFormatMode::Normal));
  return success;
}

}  // namespace

int run_program(std::vector<std::string> arguments, std::FILE* out, std::FILE* err) {
  CLI::App app("tocsin: servers and tools on one event loop", "tocsin");
  app.set_version_flag("--version", TOCSIN_VERSION);
  app.footer(examples);
  app.require_subcommand(1);

  ServeArguments serve_arguments;
  EventsArguments events_arguments;
  WatchArguments watch_arguments;
  BenchArguments bench_arguments;
  const std::vector<Subcommand> subcommands{
      {add_serve(app, serve_arguments), [&] { return serve(serve_arguments, out, err); }},
      {add_events(app, events_arguments), [&] { return events(events_arguments, out, err); }},
      {add_watch(app, watch_arguments), [&] { return watch(watch_arguments, out, err); }},
      {add_bench(app, bench_arguments), [&] { return bench(bench_arguments, out, err); }},
  };
  std::vector<std::string> topic;  // As deep as subcommands go.
  CLI::App* const help_command = app.add_subcommand("help", "explain the program or a subcommand");
  help_command->add_option("SUBCOMMAND", topic, "what to explain");
  const auto find = [&](auto is_it) -> const Subcommand* {
    const auto found = std::ranges::find_if(subcommands, is_it, &Subcommand::app);
    return found == subcommands.end() ? nullptr : &*found;
  };
  const auto chosen = [&] { return find([](const CLI::App* one) { return one->parsed(); }); };

  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    fmt::print(out, "{}", chosen() != nullptr ? chosen()->app->help("tocsin") : app.help());
    return success;
  } catch (const CLI::CallForVersion&) {
    fmt::print(out, "tocsin {}\n", TOCSIN_VERSION);
    return success;
  } catch (const CLI::ParseError& error) {
    const std::string about = chosen() != nullptr ? chosen()->app->get_name() + " " : "";
    fmt::print(err, "tocsin: {}; see: tocsin {}--help\n", first_line(error.what()), about);
    return not_started;
  }

  if (!help_command->parsed()) return chosen()->run();
  return explain(app, topic, out, err);
}

}  // namespace tocsin::cli
