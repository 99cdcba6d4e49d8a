"""tests/api/posty.py: a provider by password beside gmail: tests/plugins/posty.c."""
import os
import shutil


def with_posty(build, folder):
    """Options of a Rig whose provider acme is posty, from plugins in a folder of their own; so is nowhere,
    whose mailboxes have servers of their own."""
    plugins = os.path.join(folder, "plugins")
    os.mkdir(plugins, 0o700)
    shutil.copy(os.path.join(build, "plugins", "gmail.so"), plugins)
    shutil.copy(os.path.join(build, "tests", "odd", "posty.so"), plugins)
    return {"plugins": plugins,
            "providers": {"acme": {"plugin": "posty.so", "imap": "imap://127.0.0.1:143"},
                          "nowhere": {"plugin": "posty.so", "other_url": "imap://127.0.0.1:143"}}}
