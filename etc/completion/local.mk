# Completions, where the shells of Debian look: bash by the command's name, so the
# daemons have a name each.

bashcompletiondir = $(datadir)/bash-completion/completions
zshcompletiondir = $(datadir)/zsh/vendor-completions
dist_zshcompletion_DATA = %D%/_hooksync
EXTRA_DIST += %D%/hooksync.bash

install-completion:
	$(MKDIR_P) '$(DESTDIR)$(bashcompletiondir)'
	$(INSTALL_DATA) '$(srcdir)/%D%/hooksync.bash' \
		'$(DESTDIR)$(bashcompletiondir)/hooksync'
	ln -sf hooksync '$(DESTDIR)$(bashcompletiondir)/hooksync-fcgi'
	ln -sf hooksync '$(DESTDIR)$(bashcompletiondir)/hooksync-worker'

uninstall-completion:
	rm -f '$(DESTDIR)$(bashcompletiondir)/hooksync' \
		'$(DESTDIR)$(bashcompletiondir)/hooksync-fcgi' \
		'$(DESTDIR)$(bashcompletiondir)/hooksync-worker'

TESTS += tests/completion.sh
EXTRA_DIST += tests/completion.sh
.PHONY: install-completion uninstall-completion
