// SPDX-License-Identifier: MIT
#include "tocsin/adapters/curl/multi.hpp"

#include <array>

#include "tocsin/adapters/curl/internal/multi_handle.hpp"
#include "tocsin/base/check.hpp"

namespace tocsin::curl {
namespace {

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

struct Body {
  std::string text;
  std::size_t longest;
  bool too_long = false;
};

std::size_t append(const char* bytes, std::size_t, std::size_t count, void* to) {
  Body& body = *static_cast<Body*>(to);
  body.too_long = count > body.longest - body.text.size();
  if (body.too_long) return 0;  // Which ends the transfer.
  body.text.append(bytes, count);
  return count;
}

Task<Outcome<Response>> get_by(internal::MultiHandle& multi, std::string url, std::size_t longest) {
  const Easy easy(curl_easy_init(), &curl_easy_cleanup);
  if (!easy) co_return std::unexpected(Errno{ENOMEM});
  Body body{.text = {}, .longest = longest};
  std::array<char, CURL_ERROR_SIZE> message{};
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(easy.get(), CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, message.data());

  const Outcome<> done = co_await Transfer(multi, easy.get());
  if (body.too_long) {
    const Error error(CURLE_FILESIZE_EXCEEDED, Errno{EFBIG}, "it is longer than allowed");
    co_return std::unexpected(error);
  }
  if (!done) {
    const Error& said = done.error();
    const bool has_more = message[0] != '\0';
    const Error error(said.code(), said.number(), has_more ? message.data() : said.message());
    co_return std::unexpected(error);
  }
  Response response;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &response.status);
  response.body = std::move(body.text);
  co_return response;
}

}  // namespace

Transfer::~Transfer() { CHECK(!leaving_, "a transfer was destroyed inside a callback of libcurl"); }

void Transfer::start() { multi_->begin(*this); }

void Transfer::abandon() {
  multi_->give_up(*this);
  result_ = std::unexpected(Errno::cancelled);
}

Result<Multi> Multi::create(Loop& loop) {
  auto handle = std::make_unique<internal::MultiHandle>(loop);
  if (const auto opened = handle->open(); !opened) return std::unexpected(opened.error());
  return Multi(std::move(handle));
}

Multi::Multi(std::unique_ptr<internal::MultiHandle> handle) : handle_(std::move(handle)) {}
Multi::Multi(Multi&&) noexcept = default;
Multi::~Multi() = default;

Task<Outcome<Response>> Multi::get(std::string url, std::size_t longest) {
  return get_by(*handle_, std::move(url), longest);
}

void* Multi::native() { return handle_->native(); }

}  // namespace tocsin::curl
