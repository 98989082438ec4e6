<?php

/*
 * Settings of the companion of whmcs-stock-monitor. Copy this file to settings.php beside it and edit the copy: an
 * upgrade replaces the example and never touches settings.php. It holds a secret: chmod 640, readable by the web server.
 */

if (!defined('WHMCS')) {
    exit;
}

return [
    // Where to tell the monitor that something changed. Leave it empty to send nothing; the monitor then polls only.
    'url' => '', // 'https://monitor.example.com/api/v1/hints'

    // The same as HINT_SECRET (or the shop's hint_secret) of the monitor: whsec_ and base64, of 24 bytes or more.
    'secret' => '',

    // The name that the monitor has for this shop. Leave it empty where it watches one only.
    'instance' => '',

    // Which hooks tell the monitor; those not named do as they do by default.
    'hooks' => [
        // 'AfterCronJob' => true,  // off by default: after each run of the cron job
        // 'ServiceEdit' => false,
    ],

    // Writes into the activity log why a hint could not be delivered, at most once a request. For setting up.
    'log' => false,

    // Services in these statuses hold hardware.
    'holding' => ['Pending', 'Active', 'Suspended'],
];
