/* judge/judge.c: how well classifying and matching do over a directory of real mail. */
#include "judge.h"

#include <stdio.h>
#include <string.h>

static double share(struct tally tally)
{
    return tally.all ? (double)tally.right / (double)tally.all : 1;
}

void judge_bar(struct judge *judge, const char *what, struct tally tally, double least)
{
    bool reached = share(tally) >= least;

    printf("  %-52s %6zu of %6zu  %7.3f %%", what, tally.right, tally.all, 100 * share(tally));
    if (least > 0)
        printf("   bar %.1f %%: %s", 100 * least, reached ? "reached" : "NOT REACHED");
    printf("\n");
    judge->failed += !reached;
}

void judge_never(struct judge *judge, const char *what, struct tally wrong, double most)
{
    bool kept = wrong.right == 0 || share(wrong) <= most;

    printf("  %-52s %6zu of %6zu  %7.3f %%", what, wrong.right, wrong.all,
           wrong.all ? 100 * share(wrong) : 0);
    if (most < 1)
        printf("   at most %.1f %%: %s", 100 * most, kept ? "kept" : "NOT KEPT");
    printf("\n");
    judge->failed += !kept;
}

int main(int argc, char **argv)
{
    struct judge judge = {0};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--misses") == 0)
            judge.misses = true;
        else if (argv[i][0] != '-' && !judge.dir)
            judge.dir = argv[i];
        else
            judge.dir = NULL, i = argc;
    }
    if (!judge.dir) {
        fprintf(stderr, "usage: judge [--misses] DIR   (DIR holds manifest.jsonl, campaigns.jsonl "
                        "and the files they name)\n");
        return 2;
    }
    mail_init();
    judge_kinds(&judge);
    judge_campaigns(&judge);
    judge_subjects(&judge);
    printf("\n%u of the bars not reached.\n", judge.failed);
    return judge.failed ? 1 : 0;
}
