// SPDX-License-Identifier: MIT
//
// As names.cpp, with another adapter: no header of sd-bus is needed, its library is found.
#include <tocsin/adapters/sdbus/bus.hpp>

int main() {
  const auto connect = &tocsin::sdbus::Bus::connect_session;
  return connect != nullptr ? 0 : 1;
}
