// SPDX-License-Identifier: MIT
#include "tocsin/source/input.hpp"

#include <algorithm>
#include <cstring>

namespace tocsin {

std::string internal::InputState::take(std::size_t count) {
  std::string taken = text.substr(begin, count);
  begin += count;
  if (begin == text.size()) {
    text.clear();
    begin = 0;
  }
  return taken;
}

Result<Buffer> ReadInput::await_resume() {
  if (input_->kept() == 0) return SharedRead::await_resume();
  Buffer buffer = source().loop().buffers().take();
  const std::string text = input_->take(std::min(input_->kept(), buffer.room().size()));
  std::memcpy(buffer.room().data(), text.data(), text.size());
  buffer.fill(text.size());
  return buffer;
}

Result<Input> Input::of(Result<internal::SharedFd> fd) {
  if (!fd) return std::unexpected(fd.error());
  return Input(std::make_unique<internal::InputState>(std::move(*fd)));
}

Result<Input> Input::create(Loop& loop, int fd, std::source_location where) {
  return of(internal::SharedFd::create(loop, fd, Direction::read, "input", where));
}

Result<Input> Input::create(Loop& loop, Fd fd, std::source_location where) {
  return of(internal::SharedFd::adopt(loop, std::move(fd), "input", where));
}

Task<Result<std::string>> Input::read_line_of(internal::InputState& state, std::size_t longest) {
  std::size_t searched = 0;
  while (true) {
    const std::size_t newline = state.text.find('\n', state.begin + searched);
    const bool found = newline != std::string::npos;
    const std::size_t length = found ? newline + 1 - state.begin : state.kept();
    if (length > longest) co_return std::unexpected(Errno{EMSGSIZE});
    if (found) co_return state.take(length);
    searched = state.kept();
    auto bytes = co_await SharedRead(state.fd);
    if (!bytes) co_return std::unexpected(bytes.error());
    if (bytes->empty()) co_return state.take(state.kept());
    state.text.erase(0, std::exchange(state.begin, 0));
    state.text.append(as_text(*bytes));
  }
}

}  // namespace tocsin
