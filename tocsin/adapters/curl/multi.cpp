// SPDX-License-Identifier: MIT
#include "tocsin/adapters/curl/multi.hpp"

#include <array>

#include "tocsin/adapters/curl/internal/multi_handle.hpp"
#include "tocsin/base/check.hpp"

namespace tocsin {
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

Task<CurlResult<CurlResponse>> get_by(internal::CurlMultiHandle& multi, std::string url,
                                      std::size_t longest) {
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

  CurlResult<> done = co_await CurlTransfer(multi, easy.get());
  if (body.too_long) {
    CurlError error(CURLE_FILESIZE_EXCEEDED, Errno{EFBIG}, "it is longer than allowed");
    co_return std::unexpected(std::move(error));
  }
  if (!done) {
    if (message[0] != '\0') done.error().message = message.data();
    co_return std::unexpected(std::move(done.error()));
  }
  CurlResponse response;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &response.status);
  response.body = std::move(body.text);
  co_return response;
}

}  // namespace

CurlTransfer::~CurlTransfer() {
  CHECK(!leaving_, "a transfer was destroyed inside a callback of libcurl");
}

void CurlTransfer::start() { multi_->begin(*this); }

void CurlTransfer::abandon() {
  multi_->give_up(*this);
  result_ = std::unexpected(Errno::cancelled);
}

Result<CurlMulti> CurlMulti::create(Loop& loop) {
  auto handle = std::make_unique<internal::CurlMultiHandle>(loop);
  if (const auto opened = handle->open(); !opened) return std::unexpected(opened.error());
  return CurlMulti(std::move(handle));
}

CurlMulti::CurlMulti(std::unique_ptr<internal::CurlMultiHandle> handle)
    : handle_(std::move(handle)) {}
CurlMulti::CurlMulti(CurlMulti&&) noexcept = default;
CurlMulti::~CurlMulti() = default;

Task<CurlResult<CurlResponse>> CurlMulti::get(std::string url, std::size_t longest) {
  return get_by(*handle_, std::move(url), longest);
}

void* CurlMulti::native() { return handle_->native(); }

}  // namespace tocsin
