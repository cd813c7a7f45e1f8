// SPDX-License-Identifier: MIT
#include "tocsin/adapters/sdbus/bus.hpp"

#include <utility>

#include <systemd/sd-bus.h>

#include "tocsin/adapters/sdbus/internal/connection.hpp"

namespace tocsin::sdbus {
namespace {

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

Outcome<> outcome_of(int answer) {
  if (answer < 0) return std::unexpected(Errno{-answer});
  return {};
}

Outcome<sd_bus*> started(int answer, sd_bus* bus) {
  if (answer >= 0) return bus;
  sd_bus_unref(bus);
  return std::unexpected(Errno{-answer});
}

Outcome<sd_bus*> start_at(const std::string& address) {
  sd_bus* bus = nullptr;
  int done = sd_bus_new(&bus);
  if (done >= 0) done = sd_bus_set_address(bus, address.c_str());
  if (done >= 0) done = sd_bus_set_bus_client(bus, 1);
  if (done >= 0) done = sd_bus_start(bus);
  return started(done, bus);
}

}  // namespace

// ---- Call, UntilReady ---------------------------------------------------------------------------

void Call::start() { connection_->begin(*this); }

void Call::abandon() {
  if (slot_ != nullptr) connection_->forget(*this);
  result_ = std::unexpected(Errno::cancelled);
}

bool UntilReady::await_ready() {
  const auto state = connection_->state();
  if (state) result_ = *state;
  return state.has_value();
}

void UntilReady::start() { connection_->wait_until_ready(*this); }

void UntilReady::abandon() {
  connection_->forget(*this);
  result_ = std::unexpected(Errno::cancelled);
}

// ---- Bus ----------------------------------------------------------------------------------------

Bus::Bus(std::unique_ptr<internal::Connection> connection) : connection_(std::move(connection)) {}
Bus::Bus(Bus&&) noexcept = default;
Bus::~Bus() = default;

Bus Bus::adopt(Loop& loop, sd_bus* started, Where where) {
  return Bus(std::make_unique<internal::Connection>(loop, started, where));
}

Task<Outcome<Bus>> Bus::connect_to(Loop& loop, Outcome<sd_bus*> bus, Where where) {
  if (!bus) co_return std::unexpected(bus.error());
  Bus made = adopt(loop, *bus, where);
  const auto ready = co_await made.ready();
  if (!ready) co_return std::unexpected(ready.error());
  co_return made;
}

Task<Outcome<Bus>> Bus::connect(Loop& loop, std::string address, Where where) {
  auto bus = co_await connect_to(loop, start_at(address), where);
  co_return bus;
}

Task<Outcome<Bus>> Bus::connect_session(Loop& loop, Where where) {
  sd_bus* opened = nullptr;
  const int done = sd_bus_open_user(&opened);
  auto bus = co_await connect_to(loop, started(done, opened), where);
  co_return bus;
}

Task<Outcome<Bus>> Bus::connect_system(Loop& loop, Where where) {
  sd_bus* opened = nullptr;
  const int done = sd_bus_open_system(&opened);
  auto bus = co_await connect_to(loop, started(done, opened), where);
  co_return bus;
}

Outcome<Message> Bus::method_call(const std::string& destination, const std::string& path,
                                  const std::string& interface, const std::string& member) {
  sd_bus_message* made = nullptr;
  const int done = sd_bus_message_new_method_call(connection_->bus(), &made, or_null(destination),
                                                  path.c_str(), or_null(interface), member.c_str());
  if (done < 0) return std::unexpected(Errno{-done});
  return Message(made);
}

Outcome<Message> Bus::signal(const std::string& path, const std::string& interface,
                             const std::string& member) {
  sd_bus_message* made = nullptr;
  const int done = sd_bus_message_new_signal(connection_->bus(), &made, path.c_str(),
                                             interface.c_str(), member.c_str());
  if (done < 0) return std::unexpected(Errno{-done});
  return Message(made);
}

Outcome<> Bus::send(const Message& message) {
  connection_->look_again();
  return outcome_of(sd_bus_send(connection_->bus(), message.native(), nullptr));
}

Outcome<Match> Bus::match(const std::string& rule) { return connection_->match(rule); }

sd_bus* Bus::native() {
  connection_->look_again();
  return connection_->bus();
}

}  // namespace tocsin::sdbus
