/** A user without any right. */
export const NOBODY = 65534;

/** The files that make `su nobody` work in a guest. */
export const USERS: Readonly<Record<string, string>> = {
  "/etc/passwd":
    `root:x:0:0::/:/bin/sh\nnobody:x:${NOBODY}:${NOBODY}::/:/bin/sh\n`,
  "/etc/group": `nobody:x:${NOBODY}:\n`,
};
