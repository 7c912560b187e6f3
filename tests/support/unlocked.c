/* Memory that stays swappable, whatever a program asks. OpenSC 0.23 locks whole pages from where a secret begins and
 * unlocks as many bytes as the secret has: a page stays locked. Chromium gives such pages back by madvise, which refuses
 * locked ones, and ends itself (SIGTRAP). */

#include <stddef.h>

int mlock(const void *start, size_t size)
{
    (void)start, (void)size;
    return 0;
}
