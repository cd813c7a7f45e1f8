// SPDX-License-Identifier: MIT
#include "cli/bench.hpp"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/core.h>

#include "cli/bench/machine.hpp"
#include "cli/bench/plot.hpp"
#include "cli/bench/run.hpp"
#include "cli/bench/subject.hpp"
#include "cli/program.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::cli {
namespace {

using std::chrono::seconds;

// --quick ends within a minute; what is made and taken down again between samples counts, too.
constexpr Duration quick_end = seconds{52};
constexpr Duration quick_measuring = seconds{30};  // Of all rows together.
constexpr Duration usual_row = seconds{2};

constexpr const char* reading = R"(
How to read it:
  MEDIAN    what to compare, with the interval in which it lies 19 times out of 20 (bootstrap).
            Two rows whose intervals overlap were not told apart by this run.
  MEAN +-   the mean and the standard deviation of the samples (Bessel's correction). A sample
            is itself the mean of many operations, so this is not the spread of single ones.
  "spread"  the samples lie so far apart that the machine was doing something else, too.
            Measure again when it is quiet; see the load average in the heading.

The process pins itself to one core and raises its own limit of descriptors, and says so;
nothing of the machine is set. Ctrl-C prints what has been measured (exit status 130).
)";

constexpr const char* bench_footer = R"(Examples:
  tocsin bench multiplexers --quick           select, poll, epoll, io_uring, in a minute
  tocsin bench multiplexers --plot n.svg      all of it, drawn by gnuplot
  tocsin bench loop --json                    this library's own prices
)";

constexpr const char* multiplexers_footer = R"(
What is measured:
  classic   N eventfds are watched. 100,000 times one of them, at random, is written, waited
            for, and read (as in "The Linux Programming Interface", table 63-9, there with
            pipes): seconds of CPU. "write and read alone" is what to subtract. Where 100,000
            would take too long fewer waits are made, and the row says from how many it is scaled.
  udp       A server watches N sockets; from a share of them (--active, at least 10 sockets) a
            client, in a thread of its own, keeps one request each on its way. For each request
            the server removes the socket from what it watches, answers, and adds it again:
            the mean time of a request. "server worked 7.1 us each, 98 % busy" is the part that
            is the server's; much less than 100 %, and the row tells of the client, or of others
            on the machine. --clock cpu makes the table of that part alone.
All of them go through this library's Pollers. What to look for: select and poll pay for
every descriptor that is watched, epoll and io_uring for those that are ready; the fewer are
watched, and the more of them are ready at once, the less does it matter. vkern's epoll needs no
system call. The whole takes a few minutes.

Examples:
  tocsin bench multiplexers --quick --plot quick.svg
  tocsin bench multiplexers --method classic --n 10,1000 --mechanisms select,poll,epoll
)";

constexpr const char* loop_footer = R"(
Examples:
  tocsin bench loop --quick
  tocsin bench loop fairness echo             these rows alone

Targets:
  "pass", "MISS"  all of the median's interval is on one side of what this library promises itself.
  "open"          the interval holds the target, or the machine was too busy to tell.
)";

void add_common(CLI::App& command, BenchArguments& arguments) {
  command.add_flag("--quick", arguments.quick, "fewer rows and samples: ends within a minute");
  CLI::Option* const json = command.add_flag("--json", arguments.json, "one JSON object");
  command.add_flag("--csv", arguments.csv, "comma-separated values")->excludes(json);
  command.add_option("--plot", arguments.plot, "draw it, too, with gnuplot")->type_name("FILE.svg");
  command.add_option("--only", arguments.only, "rows whose group or name has this in it")
      ->type_name("PART");
  command.add_option("--seed", arguments.seed, "of every random choice")
      ->type_name("NUMBER")
      ->capture_default_str();
  command.add_option("--samples", arguments.samples, "of each row")
      ->check(CLI::Range(1, 100'000))
      ->type_name("COUNT")
      ->capture_default_str();
  command.add_option("--time", arguments.seconds, "for each row; usually 2, with --quick less")
      ->check(CLI::Range(0.0001, 1e6))
      ->type_name("SECONDS");
}

// For CLI11: what is wrong with it; empty if nothing is.
std::string unknown_mechanism(std::string& begin) {
  if (!bench::chosen(bench::all_subjects(), {begin}).empty()) return {};
  std::string names;
  for (const bench::Subject& subject : bench::all_subjects())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", subject.name);
  return fmt::format("no mechanism begins with {}; there are {}", begin, names);
}

void add_multiplexers(CLI::App& bench, BenchArguments& arguments) {
  CLI::App* const command =
      bench.add_subcommand("multiplexers", "select, poll, epoll, io_uring and vkern's epoll");
  command->callback([&] { arguments.which = BenchArguments::Which::multiplexers; });
  bench::MultiplexerOptions& options = arguments.multiplexers;
  command->add_option("--n", options.n, "numbers of descriptors, with commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000'000))
      ->type_name("LIST");
  command->add_option("--mechanisms", options.mechanisms, "beginnings of their names, with commas")
      ->delimiter(',')
      ->check(CLI::Validator(unknown_mechanism, ""))
      ->type_name("LIST");
  command->add_option("--method", options.method, "classic, udp or both")
      ->check(CLI::IsMember({"classic", "udp", "both"}))
      ->type_name("METHOD")
      ->capture_default_str();
  command->add_option("--waits", options.waits, "classic: of each row")
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("COUNT")
      ->capture_default_str();
  command->add_option("--requests", options.requests, "udp: of each row")
      ->check(CLI::Range(1, 1'000'000'000))
      ->type_name("COUNT")
      ->capture_default_str();
  command->add_option("--warm-ups", options.warm_ups, "udp: requests before those that count")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("COUNT")
      ->capture_default_str();
  command
      ->add_option("--active", options.active,
                   "udp: shares of the sockets in use, with commas; usually 10,90")
      ->delimiter(',')
      ->check(CLI::Range(1, 100))
      ->type_name("PERCENT");
  command
      ->add_option("--clock", options.clock,
                   "elapsed, or cpu: what the waiting thread worked;\n"
                   "usually cpu for classic, elapsed for udp")
      ->check(CLI::IsMember({"elapsed", "cpu"}))
      ->type_name("CLOCK");
  add_common(*command, arguments);
  command->footer(std::string(multiplexers_footer) + reading);
}

void add_loop(CLI::App& bench, BenchArguments& arguments) {
  CLI::App* const command = bench.add_subcommand("loop", "what this library's own calls cost");
  command->callback([&] { arguments.which = BenchArguments::Which::loop; });
  command
      ->add_option("rows", arguments.wanted,
                   "parts of groups or names: timers posts wake-up tasks echo fairness accepting "
                   "stale; usually all")
      ->type_name("PART");
  add_common(*command, arguments);
  command->footer(std::string(loop_footer) + reading);
}

// Whether one of its rows has `part` in its group or name.
bool has(const bench::Planned& planned, const std::string& part) {
  return std::ranges::any_of(planned.rows, [&](const bench::Row& row) {
    return (row.group + ": " + row.name).find(part) != std::string::npos;
  });
}

bench::Plan plan_of(const BenchArguments& arguments, const bench::Settings& settings) {
  bench::Plan plan = arguments.which == BenchArguments::Which::loop
                         ? bench::plan_loop(settings)
                         : bench::plan_multiplexers(arguments.multiplexers, settings);
  for (const std::string& part : arguments.wanted)
    if (std::ranges::none_of(plan, [&](const auto& planned) { return has(planned, part); }))
      return {};  // A slip of the pen: nothing is left out in silence.
  std::erase_if(plan, [&](const bench::Planned& planned) {
    return !has(planned, arguments.only) ||
           (!arguments.wanted.empty() &&
            std::ranges::none_of(arguments.wanted,
                                 [&](const std::string& part) { return has(planned, part); }));
  });
  return plan;
}

bench::RunOptions options_of(const BenchArguments& arguments, std::size_t entries) {
  Duration row = usual_row;
  if (arguments.quick)
    row = std::min<Duration>(row, quick_measuring / static_cast<Duration::rep>(entries));
  if (arguments.seconds > 0)
    row = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(arguments.seconds));
  bench::RunOptions options;
  options.seed = arguments.seed;
  options.pace = {.sample = row / static_cast<Duration::rep>(arguments.samples),
                  .samples = arguments.samples};
  if (arguments.quick) options.deadline = bench::now() + quick_end;
  return options;
}

bench::Heading heading_of(const BenchArguments& arguments, const bench::DescriptorLimit& limit) {
  bench::Heading heading;
  heading.name = arguments.which == BenchArguments::Which::loop ? "loop" : "multiplexers";
  heading.seed = arguments.seed;
  heading.facts = bench::facts_of_machine();
  if (const std::string remark = limit.remark(); !remark.empty()) heading.facts.push_back(remark);
  return heading;
}

std::vector<bench::Row> rows_of(const bench::Plan& plan) {
  std::vector<bench::Row> rows;
  for (const bench::Planned& planned : plan)
    rows.insert(rows.end(), planned.rows.begin(), planned.rows.end());
  return rows;
}

bench::Format format_of(const BenchArguments& arguments) {
  if (arguments.json) return bench::Format::json;
  return arguments.csv ? bench::Format::csv : bench::Format::table;
}

bool draw(const std::vector<bench::Row>& rows, const std::string& file, std::FILE* err) {
  const auto drawn = bench::plot(rows, file);
  if (!drawn) fmt::print(err, "tocsin: {}\n", drawn.error());
  return drawn.has_value();
}

}  // namespace

CLI::App* add_bench(CLI::App& app, BenchArguments& arguments) {
  CLI::App* const command = app.add_subcommand("bench", "measure, and say how sure it is");
  command->require_subcommand(1);
  command->footer(bench_footer);
  add_multiplexers(*command, arguments);
  add_loop(*command, arguments);
  return command;
}

int bench(const BenchArguments& arguments, std::FILE* out, std::FILE* err) {
  Kernel& kernel = LinuxKernel::shared();
  if (!arguments.plot.empty())
    if (const auto able = bench::can_plot(arguments.plot); !able) {
      fmt::print(err, "tocsin: {}\n", able.error());
      return not_started;
    }
  bench::Interruption interruption(kernel);
  const bench::DescriptorLimit limit;
  const bench::Settings settings{.kernel = kernel,
                                 .quick = arguments.quick,
                                 .seed = arguments.seed,
                                 .cpus = bench::usable_cpus(),
                                 .most_fds = limit.limit()};
  bench::Plan plan = plan_of(arguments, settings);
  if (plan.empty()) {
    fmt::print(err, "tocsin: there is nothing of this kind to measure; see: tocsin bench --help\n");
    return not_started;
  }
  const auto report = bench::make_report(format_of(arguments), out);
  bench::Heading heading = heading_of(arguments, limit);
  const int cpu = settings.cpus.front();
  const bench::PinnedThread pinned(cpu);
  heading.facts.push_back(pinned.is_pinned() ? fmt::format("pinned to core {}", cpu)
                                             : "not pinned to a core: the kernel refused");
  report->begin(heading, rows_of(plan));
  const bench::RunOptions options = options_of(arguments, plan.size());
  std::vector<bench::Row> rows;
  {
    bench::Progress progress(err, plan.size(),
                             options.pace.sample * static_cast<Duration::rep>(arguments.samples));
    rows = bench::run(plan, options, *report, progress, interruption);
  }
  report->end(interruption.signal() != 0 ? "interrupted" : "");
  const bool is_drawn = arguments.plot.empty() || draw(rows, arguments.plot, err);
  if (interruption.signal() != 0) return 128 + interruption.signal();
  return is_drawn && std::ranges::any_of(rows, &bench::Row::is_measured) ? success : failed;
}

}  // namespace tocsin::cli
