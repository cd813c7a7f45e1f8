// SPDX-License-Identifier: MIT
//
// MultiHandle: a multi handle of libcurl on a Loop.
//
//     CURLMOPT_SOCKETFUNCTION, CURLMOPT_TIMERFUNCTION ──> [ MultiHandle ] ──> Loop
//     Loop ──> curl_multi_socket_action ──> curl_multi_info_read ──> Transfer
//
// Libcurl may not be entered from its own callbacks, and says so if it is
// (CURLM_RECURSIVE_API_CALL). What was refused is put off and asked for again from the loop's
// queue, before anybody is resumed who relies on it.
//
// Ownership: it owns the multi handle; the descriptors are libcurl's, the easy handles their
// users'. Thread rule: the loop's thread.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include "tocsin/adapters/curl/multi.hpp"
#include "tocsin/source/foreign_fds.hpp"

namespace tocsin::curl::internal {

class MultiHandle final : private ForeignFds {
 public:
  explicit MultiHandle(Loop& loop) : ForeignFds(loop, "libcurl") {}
  /// Every transfer that waits ends with ECANCELED. Requires: not in a callback of libcurl.
  ~MultiHandle();

  Result<> open();
  CURLM* native() const { return multi_; }

  void begin(Transfer& transfer);
  /// Nobody waits for it any more; nothing happens if it is not under way.
  void give_up(Transfer& transfer);

 private:
  struct Settling final : Work {
    explicit Settling(MultiHandle& its_owner) : owner(its_owner) {}
    void run() override { owner.settle(); }
    MultiHandle& owner;
  };

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void*);
  static int on_timer(CURLM*, long milliseconds, void* self);

  void on_ready(int fd, Ready ready) override;
  void on_time() override { act(CURL_SOCKET_TIMEOUT, 0); }
  void act(curl_socket_t fd, int events);
  void read_messages();

  void put_off();
  void settle();
  void end(CURL* easy, Outcome<> result);
  void end_all(const Error& error);

  CURLM* multi_ = nullptr;
  std::unordered_map<CURL*, Transfer*> transfers_;  // Whose result somebody waits for.

  // What is put off.
  Settling settling_{*this};
  List<Transfer> starting_;
  std::vector<Transfer*> leaving_;
  std::vector<std::pair<CURL*, Errno>> unwatched_;  // A socket of theirs cannot be registered.
};

}  // namespace tocsin::curl::internal
