// SPDX-License-Identifier: MIT
//
// Easy: an easy handle of a test, which keeps what comes.
// PlayedWebServer: a listening socket whose peers the test answers as it wants to.
//
// Thread rule: one thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <curl/curl.h>
#include <gtest/gtest.h>

#include "tocsin/kern/kernel_testing.hpp"
#include "tocsin/net/address.hpp"

namespace tocsin::curl {

class Easy {
 public:
  explicit Easy(const std::string& url) : handle_(curl_easy_init(), &curl_easy_cleanup) {
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_WRITEFUNCTION, &Easy::append);
    set(CURLOPT_WRITEDATA, this);
    set(CURLOPT_NOPROXY, "*");
  }
  Easy(const Easy&) = delete;
  Easy& operator=(const Easy&) = delete;

  CURL* get() const { return handle_.get(); }
  template <class T>
  void set(CURLoption option, T value) {
    EXPECT_EQ(curl_easy_setopt(get(), option, value), CURLE_OK);
  }
  long ask(CURLINFO what) const {
    long answer = -1;
    EXPECT_EQ(curl_easy_getinfo(get(), what, &answer), CURLE_OK);
    return answer;
  }
  long status() const { return ask(CURLINFO_RESPONSE_CODE); }

  /// Whether no multi handle has it (CURLM_ADDED_ALREADY): then another one may.
  bool is_free() const {
    CURLM* const another = curl_multi_init();
    const bool is_taken = curl_multi_add_handle(another, get()) == CURLM_OK;
    if (is_taken) curl_multi_remove_handle(another, get());
    curl_multi_cleanup(another);
    return is_taken;
  }

  std::string body;
  bool is_paused = false;               // Takes nothing.
  std::function<void()> when_it_comes;  // Inside libcurl.

 private:
  static std::size_t append(const char* bytes, std::size_t, std::size_t count, void* self) {
    auto& easy = *static_cast<Easy*>(self);
    if (easy.is_paused) return CURL_WRITEFUNC_PAUSE;
    easy.body.append(bytes, count);
    if (easy.when_it_comes) easy.when_it_comes();
    return count;
  }

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> handle_;
};

class PlayedWebServer {
 public:
  PlayedWebServer() : listener_(real(), real().socket(AF_INET, type, 0).value()) {
    const Address any = Address::loopback(0);
    EXPECT_TRUE(real().bind(listener_.get(), any.data(), any.size()));
    EXPECT_TRUE(real().listen(listener_.get(), 64));
  }

  std::string url() const {
    return "http://" + local_address_of(real(), listener_.get()).value().text() + "/";
  }

  /// Accepts whoever has come, and reads what they have sent. Answers how many requests that were.
  int hear() {
    for (auto fd = accept(); fd; fd = accept()) peers_.emplace_back(real(), *fd);
    int requests = 0;
    for (const Fd& peer : peers_) {
      std::string text(4096, '\0');
      const auto count =
          real().recv(peer.get(), std::as_writable_bytes(std::span(text)), MSG_DONTWAIT);
      if (count && *count > 0) {
        asker_ = &peer;
        ++requests;
      }
    }
    return requests;
  }
  /// To the one who was heard last.
  void say(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    ASSERT_EQ(real().send(asker_->get(), bytes, MSG_NOSIGNAL), text.size());
  }
  /// Whether the one who was heard last has gone.
  bool is_left() {
    char byte = 0;
    const auto room = std::as_writable_bytes(std::span(&byte, 1));
    const auto count = real().recv(asker_->get(), room, MSG_DONTWAIT);
    return count ? *count == 0 : count.error() == Errno{ECONNRESET};
  }

 private:
  static constexpr int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  static Kernel& real() { return LinuxKernel::shared(); }
  Result<int> accept() {
    return real().accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  }

  Fd listener_;
  std::deque<Fd> peers_;  // Which stay where they are.
  const Fd* asker_ = nullptr;
};

}  // namespace tocsin::curl
