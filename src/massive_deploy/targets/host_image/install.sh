#!/bin/sh
# Turns a minimal Debian into a test host that behaves like a real one: systemd, sshd, python3, apt.
# Runs once inside the image build; /recipe holds this file, rootfs/, apt/ and ca/.
set -eu
export DEBIAN_FRONTEND=noninteractive

# No service may start while the image is built. Removed at the end: on hosts, packages start as usual.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d

# What slim base images and bootstrappers leave behind would make apt differ from a real host's.
rm -f /etc/apt/apt.conf.d/docker-* /etc/apt/apt.conf.d/99mmdebstrap \
      /etc/dpkg/dpkg.cfg.d/docker* /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/apt/sources.list
cp -a /recipe/rootfs/. /
cp /recipe/apt/debian.sources /etc/apt/sources.list.d/debian.sources
if [ -e /recipe/apt/proxy.conf ]; then
    cp /recipe/apt/proxy.conf /etc/apt/apt.conf.d/90massive-deploy-proxy
fi

apt-get -q update
apt-get -q -y --no-install-recommends upgrade
apt-get -q -y --no-install-recommends install $(cat /recipe/packages)

if [ -d /recipe/ca ]; then
    mkdir -p /usr/local/share/ca-certificates
    cp /recipe/ca/*.crt /usr/local/share/ca-certificates/
    update-ca-certificates
fi

# Units that need hardware, a kernel of their own or a console, and timers that would run apt behind our back.
systemctl mask \
    systemd-modules-load.service systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-firstboot.service systemd-logind.service getty.target console-getty.service \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    dev-hugepages.mount dev-mqueue.mount \
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer
systemctl enable ssh.service massive-deploy-mounts.service massive-deploy-ssh-keys.service

# Identity is made at first boot, never shared between hosts.
rm -f /etc/ssh/ssh_host_*
: > /etc/machine-id

apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt /usr/sbin/policy-rc.d
