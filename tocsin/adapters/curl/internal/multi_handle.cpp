// SPDX-License-Identifier: MIT
#include "tocsin/adapters/curl/internal/multi_handle.hpp"

#include <chrono>

#include "tocsin/base/check.hpp"

namespace tocsin::curl::internal {
namespace {

Errno as_errno(CURL* easy, CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return Errno{ENOENT};
    case CURLE_COULDNT_CONNECT: {
      long number = 0;
      curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
      return Errno{number != 0 ? static_cast<int>(number) : ECONNREFUSED};
    }
    case CURLE_OPERATION_TIMEDOUT:
      return Errno::timed_out;
    case CURLE_URL_MALFORMAT:
      return Errno::invalid;
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Errno{EPROTONOSUPPORT};
    case CURLE_ABORTED_BY_CALLBACK:
      return Errno::cancelled;
    case CURLE_FILESIZE_EXCEEDED:
      return Errno{EFBIG};
    case CURLE_OUT_OF_MEMORY:
      return Errno{ENOMEM};
    default:
      return Errno{EIO};
  }
}

Error error_of(CURLMcode code) {
  const Errno number{code == CURLM_OUT_OF_MEMORY ? ENOMEM : EINVAL};
  return {CURLE_FAILED_INIT, number, curl_multi_strerror(code)};
}

}  // namespace

Result<> MultiHandle::open() {
  multi_ = curl_multi_init();
  if (multi_ == nullptr) return std::unexpected(Errno{ENOMEM});
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &MultiHandle::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &MultiHandle::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  return {};
}

MultiHandle::~MultiHandle() {
  if (multi_ == nullptr) return;
  settle();
  end_all(Errno::cancelled);
  settle();
  settling_.unlink();
  CHECK(transfers_.empty() && starting_.empty(), "a transfer began while its Multi ended");
  CHECK(curl_multi_cleanup(multi_) == CURLM_OK, "a Multi ended in a callback of libcurl");
}

// ---- transfers ----------------------------------------------------------------------------------

void MultiHandle::begin(Transfer& transfer) {
  CHECK(!transfers_.contains(transfer.easy_), "an easy handle performs one transfer at a time");
  // (One that leaves may be this very handle.)
  const CURLMcode code =
      leaving_.empty() ? curl_multi_add_handle(multi_, transfer.easy_) : CURLM_RECURSIVE_API_CALL;
  if (code == CURLM_RECURSIVE_API_CALL) {
    starting_.push_back(transfer);
    return put_off();
  }
  if (code == CURLM_OK) {
    transfers_.emplace(transfer.easy_, &transfer);
  } else {
    transfer.result_ = std::unexpected(error_of(code));
    transfer.resume_later();
  }
}

void MultiHandle::give_up(Transfer& transfer) {
  transfer.unlink();  // From those to be started.
  const auto found = transfers_.find(transfer.easy_);
  if (found == transfers_.end() || found->second != &transfer) return;
  transfers_.erase(found);
  if (curl_multi_remove_handle(multi_, transfer.easy_) != CURLM_RECURSIVE_API_CALL) return;
  transfer.leaving_ = true;
  leaving_.push_back(&transfer);
  put_off();
}

// Its user is told first, and runs later: what libcurl calls back when it lets the handle go finds
// a transfer that has ended, and cannot be cancelled.
void MultiHandle::end(CURL* easy, Outcome<> result) {
  const auto found = transfers_.find(easy);
  if (found == transfers_.end()) return;
  Transfer& transfer = *found->second;
  transfers_.erase(found);
  transfer.result_ = std::move(result);
  transfer.resume_later();
  curl_multi_remove_handle(multi_, easy);
}

void MultiHandle::end_all(const Error& error) {
  while (!transfers_.empty()) end(transfers_.begin()->first, std::unexpected(error));
}

void MultiHandle::read_messages() {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;
    Outcome<> result;
    if (code != CURLE_OK)
      result = std::unexpected(Error(code, as_errno(easy, code), curl_easy_strerror(code)));
    end(easy, std::move(result));  // The message ends with that.
  }
}

// ---- what libcurl did not allow -----------------------------------------------------------------

// Whoever was cancelled is resumed from the same queue, later: his handle is his own by then.
void MultiHandle::put_off() {
  if (!settling_.is_linked()) loop().post(settling_);
}

void MultiHandle::settle() {
  for (Transfer* const transfer : std::exchange(leaving_, {})) {
    transfer->leaving_ = false;
    curl_multi_remove_handle(multi_, transfer->easy_);
  }
  for (const auto& [easy, number] : std::exchange(unwatched_, {}))
    end(easy, std::unexpected(number));
  List<Transfer> starting;
  starting.splice_back(starting_);
  while (Transfer* const transfer = starting.pop_front()) begin(*transfer);
}

// ---- libcurl's descriptors and time-outs --------------------------------------------------------

// A number other than 0 would end all transfers for the trouble of one.
int MultiHandle::on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void*) {
  auto& multi = *static_cast<MultiHandle*>(self);
  if (what == CURL_POLL_REMOVE) {
    multi.unwatch(fd);
    return 0;
  }
  Ready interest = Ready::none;
  if ((what & CURL_POLL_IN) != 0) interest |= Ready::read;
  if ((what & CURL_POLL_OUT) != 0) interest |= Ready::write;
  if (const auto watched = multi.watch(fd, interest); !watched) {
    multi.unwatched_.emplace_back(easy, watched.error());
    multi.put_off();
  }
  return 0;
}

int MultiHandle::on_timer(CURLM*, long milliseconds, void* self) {
  auto& multi = *static_cast<MultiHandle*>(self);
  if (milliseconds < 0)
    multi.call_never();
  else
    multi.call_after(std::chrono::milliseconds(milliseconds));
  return 0;
}

void MultiHandle::on_ready(int fd, Ready ready) {
  int events = 0;
  if (any(ready, Ready::read | Ready::hangup)) events |= CURL_CSELECT_IN;
  if (any(ready, Ready::write)) events |= CURL_CSELECT_OUT;
  if (any(ready, Ready::error)) events |= CURL_CSELECT_ERR;
  act(fd, events);
}

void MultiHandle::act(curl_socket_t fd, int events) {
  int running = 0;
  const CURLMcode code = curl_multi_socket_action(multi_, fd, events, &running);
  if (code != CURLM_OK) return end_all(error_of(code));
  read_messages();
}

}  // namespace tocsin::curl::internal
