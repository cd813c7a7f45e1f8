// SPDX-License-Identifier: MIT
#include "tocsin/base/list.hpp"

#include <deque>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tocsin/base/prng.hpp"

namespace tocsin {
namespace {

struct Item : ListNode {
  explicit Item(int number) : value(number) {}
  int value;
};

std::vector<int> values(List<Item>& list) {
  std::vector<int> found;
  list.for_each([&](Item& item) { found.push_back(item.value); });
  return found;
}

using Values = std::vector<int>;

TEST(List, KeepsTheOrderOfPushing) {
  Item one(1), two(2), three(3);
  List<Item> list;
  EXPECT_TRUE(list.empty());
  list.push_back(two);
  list.push_back(three);
  list.push_front(one);
  EXPECT_EQ(values(list), (Values{1, 2, 3}));
  EXPECT_EQ(&list.front(), &one);
}

TEST(List, PopsFromTheFrontUntilThereIsNothing) {
  Item one(1), two(2);
  List<Item> list;
  list.push_back(one);
  list.push_back(two);
  EXPECT_EQ(list.pop_front(), &one);
  EXPECT_FALSE(one.is_linked());
  EXPECT_EQ(list.pop_front(), &two);
  EXPECT_EQ(list.pop_front(), nullptr);
}

TEST(List, AnElementThatIsDestroyedHasLeft) {
  Item first(1), last(3);
  List<Item> list;
  list.push_back(first);
  {
    Item middle(2);
    list.push_back(middle);
    list.push_back(last);
    EXPECT_EQ(values(list), (Values{1, 2, 3}));
  }
  EXPECT_EQ(values(list), (Values{1, 3}));
}

TEST(List, AListThatIsDestroyedLetsItsElementsGo) {
  Item one(1), two(2);
  {
    List<Item> list;
    list.push_back(one);
    list.push_back(two);
  }
  EXPECT_FALSE(one.is_linked());
  EXPECT_FALSE(two.is_linked());
  List<Item> another;
  another.push_back(two);
  EXPECT_EQ(values(another), (Values{2}));
}

TEST(List, UnlinkingTwiceIsUnlinkingOnce) {
  Item one(1);
  List<Item> list;
  list.push_back(one);
  one.unlink();
  one.unlink();
  EXPECT_TRUE(list.empty());
}

TEST(List, SplicingMovesEverythingToTheEndInOrder) {
  Item one(1), two(2), three(3), four(4);
  List<Item> to, from, nothing;
  to.push_back(one);
  to.push_back(two);
  from.push_back(three);
  from.push_back(four);
  to.splice_back(from);
  EXPECT_EQ(values(to), (Values{1, 2, 3, 4}));
  EXPECT_TRUE(from.empty());
  to.splice_back(nothing);
  EXPECT_EQ(values(to), (Values{1, 2, 3, 4}));
  nothing.splice_back(to);
  EXPECT_EQ(values(nothing), (Values{1, 2, 3, 4}));
  three.unlink();
  EXPECT_EQ(values(nothing), (Values{1, 2, 4}));
}

TEST(List, AVisitorMayUnlinkWhatItVisits) {
  Item one(1), two(2), three(3);
  List<Item> list;
  for (Item* item : {&one, &two, &three}) list.push_back(*item);
  list.for_each([](Item& item) {
    if (item.value != 2) item.unlink();
  });
  EXPECT_EQ(values(list), (Values{2}));
}

// Method: random operations on two lists, beside two std::deque that are told the same.
TEST(List, BehavesAsADequeUnderRandomOperations) {
  Prng random(1);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 20; ++i) items.push_back(std::make_unique<Item>(i));
  List<Item> lists[2];
  std::deque<int> models[2];
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t which = random.below(2);
    Item& item = *items[random.below(items.size())];
    switch (random.below(5)) {
      case 0:
        if (item.is_linked()) break;
        lists[which].push_back(item);
        models[which].push_back(item.value);
        break;
      case 1:
        if (item.is_linked()) break;
        lists[which].push_front(item);
        models[which].push_front(item.value);
        break;
      case 2:
        item.unlink();
        for (auto& model : models) std::erase(model, item.value);
        break;
      case 3:
        if (lists[which].pop_front() != nullptr) models[which].pop_front();
        break;
      default:
        if (!random.chance(1, 20)) break;
        lists[which].splice_back(lists[1 - which]);
        models[which].insert(models[which].end(), models[1 - which].begin(),
                             models[1 - which].end());
        models[1 - which].clear();
    }
    for (const std::size_t i : {0U, 1U})
      ASSERT_EQ(values(lists[i]), Values(models[i].begin(), models[i].end())) << "step " << step;
  }
}

TEST(ListDeathTest, AnElementInTwoListsEndsTheProgram) {
  Item one(1);
  List<Item> first, second;
  first.push_back(one);
  EXPECT_DEATH(second.push_back(one), "an element is in one list at a time");
  EXPECT_DEATH(static_cast<void>(second.front()), "an empty list has no front");
}

}  // namespace
}  // namespace tocsin
