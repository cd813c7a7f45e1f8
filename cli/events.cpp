// SPDX-License-Identifier: MIT
#include "cli/events.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <iterator>

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "cli/kind.hpp"
#include "cli/program.hpp"
#include "tocsin/kern/linux_kernel.hpp"

namespace tocsin::cli {
namespace {

constexpr const char* footer = R"(Examples:
  tocsin events                 every kind, tried on this machine by this user
  tocsin events netlink icmp    the kinds whose names have this in them
  tocsin events --json          for a program: kind, manual, state, error, remark

Nothing is changed and nothing is read: one of each kind is made, and epoll is asked
whether it can be waited for. EPERM means that epoll refuses this kind of file.
)";

/// What came of trying a kind.
struct Verdict {
  const Kind* kind;
  std::string_view state;  // yes, refused (by epoll), no (there is none to ask about).
  std::string_view error;  // The errno's name, if there is one.
  std::string remark;
};

std::string remark_of(const Kind& kind, Errno error) {
  const auto hint = std::ranges::find(kind.hints, error.value(), &Hint::error);
  return std::string(hint != kind.hints.end() ? hint->text : error.message());
}

Verdict try_kind(Kernel& kernel, int epoll, const Kind& kind) {
  const auto made = kind.make(kernel);
  if (!made) return {&kind, "no", made.error().name(), remark_of(kind, made.error())};
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.fd = made->fd}};
  const auto added = kernel.epoll_ctl(epoll, EPOLL_CTL_ADD, made->fd, &event);
  if (!added) return {&kind, "refused", added.error().name(), remark_of(kind, added.error())};
  static_cast<void>(kernel.epoll_ctl(epoll, EPOLL_CTL_DEL, made->fd, nullptr));
  return {&kind, "yes", {}, std::string(kind.remark)};
}

std::vector<Kind> all_kinds() {
  std::vector<Kind> all = socket_kinds();
  for (const auto& more : {process_kinds(), file_kinds()})
    std::ranges::copy(more, std::back_inserter(all));
  return all;
}

bool is_wanted(const Kind& kind, const std::vector<std::string>& wanted) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& part) {
           return kind.name.find(part) != kind.name.npos;
         });
}

using Line = std::array<std::string, 4>;

void print_table(const std::vector<Verdict>& verdicts, std::FILE* out) {
  std::vector<Line> lines{{"KIND", "MANUAL", "EPOLL", "REMARK"}};
  for (const Verdict& verdict : verdicts)
    lines.push_back({std::string(verdict.kind->name), std::string(verdict.kind->manual),
                     verdict.error.empty() ? std::string(verdict.state)
                                           : fmt::format("{} ({})", verdict.state, verdict.error),
                     verdict.remark});
  const auto width = [&](std::size_t column) {
    return std::ranges::max(lines, {},
                            [&](const Line& line) { return line[column].size(); })[column]
        .size();
  };
  for (const Line& line : lines) {
    const std::string text = fmt::format("{:<{}}  {:<{}}  {:<{}}  {}", line[0], width(0), line[1],
                                         width(1), line[2], width(2), line[3]);
    fmt::print(out, "{}\n", text.substr(0, text.find_last_not_of(' ') + 1));
  }
}

void print_json(const std::vector<Verdict>& verdicts, std::FILE* out) {
  auto list = nlohmann::ordered_json::array();
  for (const Verdict& verdict : verdicts) {
    nlohmann::ordered_json one{
        {"kind", verdict.kind->name}, {"manual", verdict.kind->manual}, {"state", verdict.state}};
    if (!verdict.error.empty()) one["error"] = verdict.error;
    if (!verdict.remark.empty()) one["remark"] = verdict.remark;
    list.push_back(std::move(one));
  }
  fmt::print(out, "{}\n", list.dump(2));
}

}  // namespace

CLI::App* add_events(CLI::App& app, EventsArguments& arguments) {
  CLI::App* const command = app.add_subcommand("events", "tell what can be waited for here");
  command->footer(footer);
  command->add_option("KIND", arguments.kinds, "a part of a kind's name");
  command->add_flag("--json", arguments.json, "as JSON");
  return command;
}

int events(const EventsArguments& arguments, std::FILE* out, std::FILE* err) {
  Kernel& kernel = LinuxKernel::shared();
  const auto epoll = own(kernel, kernel.epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) {
    fmt::print(err, "tocsin: cannot make an epoll: {}\n", epoll.error().message());
    return not_started;
  }
  std::vector<Verdict> verdicts;
  const std::vector<Kind> kinds = all_kinds();
  for (const Kind& kind : kinds)
    if (is_wanted(kind, arguments.kinds)) verdicts.push_back(try_kind(kernel, epoll->get(), kind));
  if (verdicts.empty()) {
    fmt::print(err, "tocsin: no kind is called so; see: tocsin events\n");
    return not_started;
  }
  arguments.json ? print_json(verdicts, out) : print_table(verdicts, out);
  return success;
}

}  // namespace tocsin::cli
