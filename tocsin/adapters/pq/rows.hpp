// SPDX-License-Identifier: MIT
//
// pq::Rows: what a query gave.
//
//     PGresult ──> [ Rows ] ──> for (const Row row : rows) row[0]
//
// Everything is text, as the server writes it. What a Row shows lies in its Rows.
//
// Ownership: Rows owns the PGresult; it needs no connection. Thread rule: a value; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

struct pg_result;  // libpq's PGresult.

namespace tocsin::pq {

/// One row of a Rows, which must outlive it.
class Row {
 public:
  /// How many columns there are.
  std::size_t size() const;
  /// The text in a column; nothing for NULL. Requires: there is such a column.
  std::optional<std::string_view> operator[](std::size_t column) const;

 private:
  friend class Rows;
  Row(const pg_result* result, std::size_t index) : result_(result), index_(index) {}

  const pg_result* result_;
  std::size_t index_;
};

class Rows {
 public:
  class Iterator;

  /// No rows, of no columns.
  Rows() = default;
  /// Takes `result` over: for whoever has one from libpq itself.
  explicit Rows(pg_result* result) : result_(result) {}

  /// How many rows there are: none for a command that gives none.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  /// Requires: there is such a row.
  Row operator[](std::size_t row) const;
  Iterator begin() const;
  Iterator end() const;

  std::size_t columns() const;
  /// Requires: there is such a column.
  std::string_view column_name(std::size_t column) const;
  /// The first column of that name, which is compared as it is; nothing if there is none.
  std::optional<std::size_t> column(std::string_view name) const;

  /// How many rows the command has inserted, updated, deleted or selected.
  std::uint64_t affected() const;

  /// For libpq's own calls (the types of columns, say); stays this object's, null if it is empty.
  const pg_result* native() const { return result_.get(); }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

class Rows::Iterator {
 public:
  Iterator(const Rows& rows, std::size_t row) : rows_(&rows), row_(row) {}
  Row operator*() const { return (*rows_)[row_]; }
  Iterator& operator++() {
    ++row_;
    return *this;
  }
  bool operator==(const Iterator&) const = default;

 private:
  const Rows* rows_;
  std::size_t row_;
};

inline Rows::Iterator Rows::begin() const { return {*this, 0}; }
inline Rows::Iterator Rows::end() const { return {*this, size()}; }

}  // namespace tocsin::pq
