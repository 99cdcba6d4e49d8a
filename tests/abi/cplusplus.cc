/* abi/cplusplus.cc: the contract's headers are C++ too, for whoever writes a provider in it. */
#include <postrider/ext/push.h>
#include <postrider/ext/stream.h>
#include <postrider/provider.h>

int main()
{
    struct rider_provider table = {};
    table.size = sizeof(table);
    return RIDER_HAS(&table, send) ? 1 : 0;
}
