// SPDX-License-Identifier: MIT
//
// Bus: a connection to a message bus of D-Bus on the loop, by sd-bus (sd-bus(3)).
//
//     dbus-daemon ──> sd-bus' socket, time-outs ──> Loop ──> [ Bus ] ──> co_await bus.call(...)
//
// sd-bus sends and reads the messages; it says for what its socket is to be watched, and until
// when, and the loop tells it. Nothing blocks, save what sd-bus' own functions do by themselves
// (sd_bus_call(3), sd_bus_request_name(3): use their asynchronous sisters, or `call`).
//
// So many messages are taken in a turn of the loop, then it is the others' turn: a peer that floods
// this one starves nobody.
//
// What a Bus has no function for is done with sd-bus' own on `native()`: objects that answer calls
// (sd_bus_add_object_vtable(3)) work, because the loop processes the bus. Their handlers run inside
// of that: they may not destroy the Bus, nor throw; they may spawn tasks, which answer when they
// can (`send`).
//
// Ownership: it owns the connection and its registration; the loop must outlive it. What still
// waits when it ends gives ECANCELED, and nothing may begin to wait after that; what was not sent
// yet is lost. Thread rule: the loop's thread; not across fork(2), as sd-bus itself.
#pragma once

#include <memory>
#include <source_location>
#include <string>

#include "tocsin/adapters/sdbus/error.hpp"
#include "tocsin/adapters/sdbus/match.hpp"
#include "tocsin/adapters/sdbus/message.hpp"
#include "tocsin/loop/loop.hpp"
#include "tocsin/task/operation.hpp"
#include "tocsin/task/task.hpp"

struct sd_bus;
struct sd_bus_slot;

namespace tocsin::sdbus {

namespace internal {
class Connection;
}  // namespace internal

/// See Bus::call.
class [[nodiscard]] Call final : public Operation {
 public:
  Call(internal::Connection& connection, Outcome<Message> request)
      : connection_(&connection), result_(std::move(request)) {}
  Call(Call&&) = default;

  /// A request that could not be made is answered at once.
  bool await_ready() const { return !result_.has_value(); }
  Outcome<Message> await_resume() { return std::move(result_); }

 private:
  friend class internal::Connection;
  void start() override;
  void abandon() override;

  internal::Connection* connection_;
  Outcome<Message> result_;      // Until it is sent, the request.
  sd_bus_slot* slot_ = nullptr;  // Owned while it waits.
};

/// See Bus::ready.
class [[nodiscard]] UntilReady final : public Operation {
 public:
  explicit UntilReady(internal::Connection& connection) : connection_(&connection) {}
  UntilReady(UntilReady&&) = default;

  bool await_ready();
  Outcome<> await_resume() { return std::move(result_); }

 private:
  friend class internal::Connection;
  void start() override;
  void abandon() override;

  internal::Connection* connection_;
  Outcome<> result_;
};

class Bus {
 public:
  using Where = std::source_location;

  /// Connects to the bus at `address` ("unix:path=/run/bus"; several, separated by semicolons, are
  /// tried in turn), and waits until that has taken it in. Fails as connect(2) does, with ENOENT,
  /// ECONNREFUSED (also for a kind of address that sd-bus does not know), ...; EINVAL: an address
  /// lacks what its kind needs; EPERM: the bus does not let this user in; ETIMEDOUT; ECONNRESET: it
  /// was lost again (and of a host that refuses sd-bus says no more either); ECANCELED. After a
  /// failure there is no connection.
  static Task<Outcome<Bus>> connect(Loop& loop, std::string address,
                                    Where where = Where::current());
  /// As `connect`, to the user's bus: $DBUS_SESSION_BUS_ADDRESS, or $XDG_RUNTIME_DIR/bus. Fails
  /// with ENOMEDIUM if the environment has neither.
  static Task<Outcome<Bus>> connect_session(Loop& loop, Where where = Where::current());
  /// As `connect`, to the machine's bus: $DBUS_SYSTEM_BUS_ADDRESS, or /run/dbus/system_bus_socket.
  static Task<Outcome<Bus>> connect_system(Loop& loop, Where where = Where::current());

  /// Takes over a reference to a bus that was set up and started with sd-bus' own functions
  /// (sd_bus_start(3)): a trusted one, a peer without a daemon, an end of a socket pair. Await
  /// `ready` next; it fails with EPERM if the bus has two descriptors (sd_bus_set_fd(3)).
  static Bus adopt(Loop& loop, sd_bus* started, Where where = Where::current());

  Bus(Bus&&) noexcept;
  Bus& operator=(Bus&&) = delete;
  ~Bus();

  /// Waits until the connection can be used; fails as `connect`. `call` and `match` need not wait
  /// for it: what they send goes out then. One at a time.
  UntilReady ready() { return UntilReady(*connection_); }

  /// A call of a method, to append arguments to. An empty `interface` is none, an empty
  /// `destination` the peer. Fails with EINVAL for what cannot be a name or a path.
  Outcome<Message> method_call(const std::string& destination, const std::string& path,
                               const std::string& interface, const std::string& member);
  /// A signal, to append values to and to `send`. Fails as `method_call`.
  Outcome<Message> signal(const std::string& path, const std::string& interface,
                          const std::string& member);

  /// Awaiting it sends `request`, and waits for the answer; any number may wait. Fails with what
  /// the peer or the bus answered (Error::name), such as ...Error.ServiceUnknown, and ...NoReply if
  /// none came in time (25 s, sd_bus_set_method_call_timeout(3); or shorter, by `timeout`);
  /// ECONNRESET if the connection is lost; ENOBUFS if too much waits to be sent; ECANCELED: the
  /// peer is not told, and its answer is dropped.
  Call call(Message request) { return {*connection_, std::move(request)}; }
  /// As the other, of a method with these arguments (Message::append).
  template <class... Arguments>
  Call call(const std::string& destination, const std::string& path, const std::string& interface,
            const std::string& member, const Arguments&... arguments) {
    Outcome<Message> request = method_call(destination, path, interface, member);
    if (request)
      if (const auto done = request->append(arguments...); !done)
        request = std::unexpected(done.error());
    return {*connection_, std::move(request)};
  }

  /// Sends a signal, an answer, or a call that nobody waits for; does not wait: what the socket has
  /// no room for is queued. Fails with ENOBUFS if too much is; ENOTCONN.
  Outcome<> send(const Message& message);

  /// Has the bus send what fits `rule` ("type='signal',interface='org.example'"; see the D-Bus
  /// specification, "Match rules"). What is called or sent after this comes after it at the bus.
  /// Fails with EINVAL for what is no rule; ENOTCONN, ENOBUFS.
  Outcome<Match> match(const std::string& rule);

  /// For sd-bus' own functions; stays this object's. What they change is noticed at the end of the
  /// turn of the loop in which this was called, so call it each time.
  sd_bus* native();

 private:
  explicit Bus(std::unique_ptr<internal::Connection> connection);
  static Task<Outcome<Bus>> connect_to(Loop& loop, Outcome<sd_bus*> bus, Where where);

  std::unique_ptr<internal::Connection> connection_;
};

}  // namespace tocsin::sdbus
