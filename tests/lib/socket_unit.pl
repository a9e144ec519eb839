#!/usr/bin/perl
# socket_unit: what systemd does for hooksync-fcgi.socket, for tests. Holds a
# Unix socket and runs the program on it, again whenever that ends: connections
# wait in the socket meanwhile. Ends the program and itself on SIGTERM.
#
#   perl socket_unit.pl SOCKET PIDFILE PROGRAM [ARGUMENT...]
use strict;
use warnings;
use IO::Socket::UNIX;
use POSIX ();

my ($path, $pid_file, @command) = @ARGV;
$^F = 3; # the descriptor that outlives exec
my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 1024)
	or die "$path: $!\n";
POSIX::dup2(fileno($socket), 3) unless fileno($socket) == 3;

my ($child, $is_over) = (0, 0);
$SIG{TERM} = sub { $is_over = 1; kill 'TERM', $child if $child; };
until ($is_over) {
	$child = fork // die "fork: $!\n";
	if ($child == 0) {
		$SIG{TERM} = 'DEFAULT';
		@ENV{'LISTEN_FDS', 'LISTEN_PID'} = (1, $$);
		exec @command or die "$command[0]: $!\n";
	}
	open(my $file, '>', $pid_file) or die "$pid_file: $!\n";
	print $file "$child\n";
	close $file;
	1 until waitpid($child, 0) == $child || $!{ECHILD};
	select(undef, undef, undef, 0.1) if !$is_over && $?;
}
unlink $path;
