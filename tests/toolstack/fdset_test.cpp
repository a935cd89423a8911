#include "dm/toolstack/fdset.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

namespace dm::toolstack {
namespace {

UniqueFd null_device(int flags) {
    return UniqueFd{open("/dev/null", flags | O_CLOEXEC)};
}
bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

TEST(FdSets, NumberedFromZeroWithTheLowestThatIsFree) {
    FdSets sets;
    EXPECT_EQ(sets.add(std::nullopt, null_device(O_RDONLY), "").value().set, 0U);
    EXPECT_EQ(sets.add(std::nullopt, null_device(O_RDONLY), "").value().set, 1U);
    EXPECT_TRUE(sets.remove(0, std::nullopt).ok());
    EXPECT_EQ(sets.add(std::nullopt, null_device(O_RDONLY), "").value().set, 0U);
    EXPECT_EQ(sets.add(1, null_device(O_RDONLY), "").value().set, 1U);
    EXPECT_EQ(sets.all().at(1).size(), 2U);
}

TEST(FdSets, RemovingClosesTheDescriptor) {
    FdSets sets;
    const int one = sets.add(3, null_device(O_RDONLY), "").value().fd;
    const int two = sets.add(3, null_device(O_RDONLY), "").value().fd;
    EXPECT_TRUE(sets.remove(3, one).ok());
    EXPECT_FALSE(is_open(one));
    EXPECT_TRUE(is_open(two));
    EXPECT_TRUE(sets.remove(3, two).ok());
    EXPECT_TRUE(sets.all().empty());
}

TEST(FdSets, WhatIsNotThereCannotBeRemoved) {
    FdSets sets;
    EXPECT_FALSE(sets.remove(0, std::nullopt).ok());
    static_cast<void>(sets.add(0, null_device(O_RDONLY), ""));
    EXPECT_FALSE(sets.remove(0, 999).ok());
}

TEST(FdSets, ADuplicateHasTheAccessAskedForAndALifeOfItsOwn) {
    FdSets sets;
    static_cast<void>(sets.add(0, null_device(O_RDONLY), "raw:/i.iso"));
    EXPECT_FALSE(sets.duplicate(0, FdAccess::Write).ok());
    static_cast<void>(sets.add(0, null_device(O_WRONLY), "save"));
    auto copy = sets.duplicate(0, FdAccess::Write);
    ASSERT_TRUE(copy.ok());
    EXPECT_EQ(sets.opaque_of(0, FdAccess::Write), "save");
    EXPECT_EQ(sets.opaque_of(0, FdAccess::Read), "raw:/i.iso");
    EXPECT_TRUE(sets.remove(0, std::nullopt).ok());
    EXPECT_TRUE(is_open(copy->get()));
    EXPECT_NE(fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(FdSets, OnlyTheRightNamesAreSets) {
    EXPECT_EQ(FdSets::number_in("/dev/fdset/0"), 0U);
    EXPECT_EQ(FdSets::number_in("/dev/fdset/12"), 12U);
    for (const char* other :
         {"/dev/fdset/", "/dev/fdset/x", "/dev/fdset/1/..", "/tmp/x", "/dev/fdset/99999999999"})
        EXPECT_FALSE(FdSets::number_in(other).has_value()) << other;
}

TEST(FdSets, ClientsAreForgottenButNotTheCommandLine) {
    FdSets sets;
    const int kept = sets.add(1, null_device(O_WRONLY), "", /*keep=*/true).value().fd;
    const int dropped = sets.add(std::nullopt, null_device(O_RDONLY), "").value().fd;
    sets.forget_clients();
    EXPECT_TRUE(is_open(kept));
    EXPECT_FALSE(is_open(dropped));
    EXPECT_EQ(sets.all().size(), 1U);
}

TEST(FdSets, TheirNumberIsBounded) {
    FdSets sets;
    for (std::size_t i = 0; i < FdSets::kMaxFds; ++i)
        EXPECT_TRUE(sets.add(0, null_device(O_RDONLY), "").ok());
    EXPECT_FALSE(sets.add(0, null_device(O_RDONLY), "").ok());
}

} // namespace
} // namespace dm::toolstack
